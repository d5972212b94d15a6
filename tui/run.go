package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"natlens/tui/paint"
)

// fedMsg says that the source has ended.
type fedMsg struct{ err error }

// Run shows the UI until the user quits, ctx ends or SIGTERM comes, and then
// waits for the feed. In every case, a panic included, the terminal is left as
// it was. It returns the feed's error only if a panic in the feed ended the UI.
//
//	tail, table := tui.NewTail(), monitor.NewTable(monitor.TableConfig{Linger: 5 * time.Second, Life: true})
//	m := monitor.Monitor{Source: src, Table: table, Sinks: []monitor.Sink{tail}}
//	err := tui.Run(ctx, tui.Config{Table: table, Tail: tail, Stats: m.Stats, Feed: m.Run})
func Run(ctx context.Context, cfg Config) error {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	m := New(cfg)
	m.s.ctx = ctx
	if cfg.Output == nil {
		cfg.Output = os.Stdout
	}
	out, meter := metered(cfg.Output)
	m.pace.out = meter
	// Bubble Tea's own signal handler waits for ever if the program ends while it
	// tells of a signal: ctx ends with the signal instead.
	options := []tea.ProgramOption{tea.WithOutput(out), tea.WithFPS(keyFPS), tea.WithoutSignalHandler()}
	if cfg.Input != nil {
		options = append(options, tea.WithInput(cfg.Input))
	}
	if cfg.Environ != nil {
		options = append(options, tea.WithEnvironment(cfg.Environ))
	}
	if _, ok := cfg.Output.(*os.File); !ok { // nobody will tell a size
		options = append(options, tea.WithWindowSize(80, 24))
	}
	p := tea.NewProgram(m, options...)

	var tasks sync.WaitGroup
	var crash error
	tasks.Go(func() { m.s.names.run(ctx) })
	if cfg.Feed != nil {
		tasks.Go(func() { crash = feed(ctx, cfg.Feed, p) })
	}
	tasks.Go(func() { // ends the UI with its context
		<-ctx.Done()
		p.Quit()
	})
	_, err := p.Run()
	cancel()
	tasks.Wait()
	if _, rerr := m.s.cfg.Tail.StopRecording(); err == nil && rerr != nil {
		err = fmt.Errorf("recording: %w", rerr)
	}
	if errors.Is(err, tea.ErrInterrupted) {
		err = nil
	}
	return errors.Join(crash, err)
}

// feed carries events until ctx ends, and tells the UI of its end. A panic in it
// would leave the terminal raw: it ends the UI first.
func feed(ctx context.Context, run func(context.Context) error, p *tea.Program) (crash error) {
	defer func() {
		if r := recover(); r != nil {
			crash = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			p.Quit()
		}
	}()
	err := run(ctx)
	if ctx.Err() == nil {
		p.Send(fedMsg{err})
	}
	return nil
}

// setProfile chooses the style for the colours that the terminal has.
func (s *session) setProfile(p colorprofile.Profile) {
	if s.cfg.NoColor && p > colorprofile.ASCII {
		p = colorprofile.ASCII
	}
	s.profile = p
	s.style = paint.For(s.theme, p)
}

// setBackground chooses the theme by the terminal's background.
func (s *session) setBackground(dark bool) {
	if s.cfg.Theme != "" {
		return
	}
	s.theme = "light"
	if dark {
		s.theme = "dark"
	}
	s.style = paint.For(s.theme, s.profile)
}

// turnTheme changes between dark and light.
func (s *session) turnTheme() {
	s.theme = map[string]string{"dark": "light", "light": "dark"}[s.theme]
	s.style = paint.For(s.theme, s.profile)
}
