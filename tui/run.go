package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"

	"natlens/monitor"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Run shows the UI until the user quits, ctx ends or SIGTERM or SIGHUP comes, and then waits
// for the feed. It restores the terminal in every case. A panic, of the feed or of what
// Config contains too, is returned as a *Crash.
//
//	events, flows := tail.New(), table.New(table.Config{Linger: 5 * time.Second, Life: true, Rates: true})
//	l := loop.Loop{Source: src, Table: flows, Sinks: []monitor.Sink{events}}
//	err := tui.Run(ctx, tui.Config{Table: flows, Tail: events, Stats: l.Stats, Feed: l.Run})
func Run(ctx context.Context, cfg Config) error {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	m := New(cfg)
	m.s.Context = ctx
	if cfg.Output == nil {
		cfg.Output = os.Stdout
	}
	_, m.answers.cursor = cfg.Output.(term.File)
	m.answers.background = m.answers.cursor && m.asksBackground()
	g := &guard{end: cancel}
	p := tea.NewProgram(guardedModel{m, g}, options(cfg)...)

	var tasks sync.WaitGroup
	if cfg.Feed != nil {
		tasks.Go(func() { g.run(func() { m.feed(ctx, p) }) })
	}
	tasks.Go(func() { // ends the UI with its context
		<-ctx.Done()
		p.Send(page.Then(m.answers.leave))
	})
	_, _ = io.WriteString(cfg.Output, saveTitle)
	_, err := p.Run()
	_, _ = io.WriteString(cfg.Output, restoreTitle)
	cancel()
	tasks.Wait()
	if _, rerr := m.s.Tail.StopRecording(); err == nil && rerr != nil {
		err = fmt.Errorf("recording: %w", rerr)
	}
	if errors.Is(err, tea.ErrInterrupted) {
		err = nil
	}
	if crash := g.crash.Load(); crash != nil {
		return crash
	}
	return err
}

// The window's title is saved on the terminal's stack of titles and restored from there
// (xterm's window operations 22 and 23): Bubble Tea leaves an empty one.
const (
	saveTitle    = "\x1b[22;0t"
	restoreTitle = "\x1b[23;0t"
)

// keyFPS is how often the renderer checks for a new screen, so a key waits at most that long.
// It is not the rate of frames.
const keyFPS = 120

// options are the options of Bubble Tea.
func options(cfg Config) []tea.ProgramOption {
	// Bubble Tea's own signal handler blocks forever if the program ends while it reports a
	// signal. ctx ends with the signal instead.
	o := []tea.ProgramOption{tea.WithOutput(cfg.Output), tea.WithFPS(keyFPS), tea.WithoutSignalHandler()}
	if cfg.Input != nil {
		o = append(o, tea.WithInput(cfg.Input))
	}
	if cfg.Environ != nil {
		o = append(o, tea.WithEnvironment(cfg.Environ))
	}
	if _, ok := cfg.Output.(term.File); !ok { // not a terminal: no size is reported
		o = append(o, tea.WithWindowSize(80, 24))
	}
	return o
}

// feed runs Config.Feed until ctx ends, and reports the end of the source.
func (m *Model) feed(ctx context.Context, p *tea.Program) {
	err := m.cfg.Feed(ctx)
	if ctx.Err() == nil {
		p.Send(page.Then(func() tea.Cmd { m.fed(err); return nil }))
	}
}

func (m *Model) fed(err error) {
	if m.s.Ended = true; err != nil {
		m.s.Report(paint.Bad, "the source has ended: "+err.Error())
	}
}

// answers waits, before the UI ends, for the terminal's answers to the queries of the start:
// background, modes, keyboard. A later answer would be typed into the shell. A terminal answers
// in order, so the answer to a last query, for the cursor position, shows that the others have
// come. But a multiplexer may answer that itself, and pass the query for the background on.
type answers struct {
	cursor, background bool      // this answer is to come
	asked              time.Time // when the last query was sent; zero: not yet
	leaving            bool      // the UI ends with the answers
}

// answerTime is how long after the last query an answer may come. A terminal that does not
// answer delays the end of a shorter run.
const answerTime = 2 * time.Second

// ask sends the last query, once.
func (a *answers) ask() tea.Cmd {
	if !a.cursor || !a.asked.IsZero() {
		return nil
	}
	a.asked = time.Now()
	return tea.RequestCursorPosition
}

// gotCursor handles the answer to the last query.
func (a *answers) gotCursor() tea.Cmd {
	a.cursor = false
	return a.left()
}

// gotBackground handles the answer to the query for the background.
func (a *answers) gotBackground() tea.Cmd {
	a.background = false
	return a.left()
}

// left ends the UI if it waited for the answer that has come.
func (a *answers) left() tea.Cmd {
	if a.leaving && !a.cursor && !a.background {
		return tea.Quit
	}
	return nil
}

// leave ends the UI, now or after the last answer.
func (a *answers) leave() tea.Cmd {
	last := a.ask()
	left := answerTime - time.Since(a.asked)
	if !a.cursor && !a.background || a.leaving || left <= 0 {
		return tea.Quit
	}
	a.leaving = true
	return tea.Batch(last, tea.Tick(left, func(time.Time) tea.Msg { return tea.Quit() }))
}

// Crash is a panic that ended the UI. When Run returns it, the terminal is as it was before.
type Crash struct {
	Value any    // of the panic
	Stack []byte // of the goroutine that panicked, in lines
}

// Trace returns Stack.
func (c *Crash) Trace() []byte { return c.Stack }

// Error returns one line, without the stack.
func (c *Crash) Error() string {
	text := strings.Join(strings.Fields(fmt.Sprint(c.Value)), " ")
	return "the terminal UI crashed: " + monitor.Escape(text)
}

// guard prevents that a panic leaves the terminal in raw mode: it records the first panic and
// ends the UI. Everything that Run starts runs in it.
type guard struct {
	end   func() // must not wait
	crash atomic.Pointer[Crash]
}

// run calls work, and returns even if that panics.
func (g *guard) run(work func()) {
	defer func() {
		if r := recover(); r != nil {
			g.crash.CompareAndSwap(nil, &Crash{r, debug.Stack()})
			g.end()
		}
	}()
	work()
}

// guardedModel is a Model with a guard around everything that Bubble Tea calls. Bubble Tea's
// own recovery prints the stack of a command onto the UI's screen.
type guardedModel struct {
	*Model
	guard *guard
}

func (m guardedModel) Init() (cmd tea.Cmd) {
	m.guard.run(func() { cmd = m.guarded(m.Model.Init()) })
	return cmd
}

func (m guardedModel) Update(msg tea.Msg) (_ tea.Model, cmd tea.Cmd) {
	m.guard.run(func() {
		_, cmd = m.Model.Update(msg)
		cmd = m.guarded(cmd)
	})
	return m, cmd
}

func (m guardedModel) View() (v tea.View) {
	m.guard.run(func() { v = m.Model.View() })
	return v
}

// guarded wraps a command, and the commands that it returns, with the guard.
func (m guardedModel) guarded(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		m.guard.run(func() { msg = cmd() })
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i := range batch {
				batch[i] = m.guarded(batch[i])
			}
		}
		return msg
	}
}
