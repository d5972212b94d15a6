package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"natlens/tui/paint"
)

// fedMsg says that the source has ended.
type fedMsg struct{ err error }

// Run shows the UI until the user quits, ctx ends or SIGTERM or SIGHUP comes, and
// then waits for the feed. In every case, a panic included, the terminal is left as it
// was; a panic, of the feed or of what Config brings too, is returned as a *Crash.
// By one of the signals that end a program with its stack, such as SIGQUIT, the
// process dies as it would have without the UI, once the terminal is back.
//
//	tail, table := tui.NewTail(), monitor.NewTable(monitor.TableConfig{Linger: 5 * time.Second, Life: true})
//	m := monitor.Monitor{Source: src, Table: table, Sinks: []monitor.Sink{tail}}
//	err := tui.Run(ctx, tui.Config{Table: table, Tail: tail, Stats: m.Stats, Feed: m.Run})
func Run(ctx context.Context, cfg Config) error {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	deadly := catchDeadly(cancel)
	defer deadly.dies()
	m := New(cfg)
	m.s.ctx = ctx
	if cfg.Output == nil {
		cfg.Output = os.Stdout
	}
	out, meter := metered(cfg.Output)
	m.pace.out = meter
	g := &guard{end: cancel}
	p := tea.NewProgram(guardedModel{m, g}, options(cfg, out)...)

	var tasks sync.WaitGroup
	start := func(work func()) { tasks.Go(func() { g.run(work) }) }
	if cfg.Resolver != nil {
		for range namesAskers {
			start(func() { m.s.names.ask(ctx) })
		}
	}
	if cfg.Feed != nil {
		start(func() { feed(ctx, cfg.Feed, p) })
	}
	tasks.Go(func() { // ends the UI with its context
		<-ctx.Done()
		p.Quit()
	})
	_, _ = io.WriteString(out, saveTitle)
	_, err := p.Run()
	_, _ = io.WriteString(out, restoreTitle)
	deadly.dies()
	cancel()
	tasks.Wait()
	if _, rerr := m.s.cfg.Tail.StopRecording(); err == nil && rerr != nil {
		err = fmt.Errorf("recording: %w", rerr)
	}
	if errors.Is(err, tea.ErrInterrupted) {
		err = nil
	}
	if crash := g.err(); crash != nil {
		return crash
	}
	return err
}

// The window's title goes on the terminal's stack of titles and comes back from
// there (xterm's window operations 22 and 23): Bubble Tea leaves an empty one.
const (
	saveTitle    = "\x1b[22;0t"
	restoreTitle = "\x1b[23;0t"
)

// options are Bubble Tea's for a configuration.
func options(cfg Config, out io.Writer) []tea.ProgramOption {
	// Bubble Tea's own signal handler waits for ever if the program ends while it
	// tells of a signal: ctx ends with the signal instead.
	o := []tea.ProgramOption{tea.WithOutput(out), tea.WithFPS(keyFPS), tea.WithoutSignalHandler()}
	if cfg.Input != nil {
		o = append(o, tea.WithInput(cfg.Input))
	}
	if cfg.Environ != nil {
		o = append(o, tea.WithEnvironment(cfg.Environ))
	}
	if _, ok := cfg.Output.(*os.File); !ok { // nobody will tell a size
		o = append(o, tea.WithWindowSize(80, 24))
	}
	return o
}

// feed carries events until ctx ends, and tells the UI of its end.
func feed(ctx context.Context, run func(context.Context) error, p *tea.Program) {
	err := run(ctx)
	if ctx.Err() == nil {
		p.Send(fedMsg{err})
	}
}

// fed notes the end of the source.
func (s *session) fed(m fedMsg) {
	s.ended, s.endErr = true, m.err
	if m.err != nil {
		s.tell(paint.Bad, "the source has ended: "+m.err.Error())
	}
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
