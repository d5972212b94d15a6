package tui

import (
	"bytes"
	"context"
	"errors"
	"image/color"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// terminalLog is a terminal that only remembers.
type terminalLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *terminalLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *terminalLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await waits until the screen has shown a text.
func (l *terminalLog) await(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(ansi.Strip(l.String()), text); {
		if time.Now().After(end) {
			t.Fatalf("%q does not appear in %q", text, ansi.Strip(l.String()))
		}
		time.Sleep(time.Millisecond)
	}
}

const (
	altScreenOn  = "\x1b[?1049h"
	altScreenOff = "\x1b[?1049l"
)

// started runs the UI on a fake terminal.
func started(t *testing.T, cfg Config) (screen *terminalLog, keys io.Writer, cancel func(), done <-chan error) {
	screen = &terminalLog{}
	in, keys := io.Pipe()
	if cfg.Table == nil {
		cfg.Table = table.New(table.Config{})
	}
	cfg.Input, cfg.Output, cfg.Theme, cfg.Environ = in, screen, "dark", []string{"TERM=xterm-256color", "TTY_FORCE=1"}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	t.Cleanup(func() { cancel(); in.Close() })
	return screen, keys, cancel, ended
}

func wait(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("Run does not return")
		return nil
	}
}

func restored(t *testing.T, screen *terminalLog) {
	t.Helper()
	s := screen.String()
	if !strings.HasSuffix(s, restoreTitle) || strings.Count(s, saveTitle) != 1 {
		t.Errorf("the title is not given back: %q", s[max(0, len(s)-200):])
	}
	if on, off := strings.LastIndex(s, altScreenOn), strings.LastIndex(s, altScreenOff); off < on {
		t.Errorf("the screen is not given back: %q", s[max(0, len(s)-200):])
	}
}

func TestRunQuits(t *testing.T) {
	fed := make(chan struct{})
	screen, keys, _, done := started(t, Config{Feed: func(ctx context.Context) error {
		<-ctx.Done()
		close(fed)
		return ctx.Err()
	}})
	screen.await(t, "no flows yet")
	_, _ = keys.Write([]byte("q"))
	if err := wait(t, done); err != nil {
		t.Errorf("error %v", err)
	}
	select {
	case <-fed:
	default:
		t.Error("Run does not wait for the feed")
	}
	restored(t, screen)
}

func TestRunEndsWithItsContext(t *testing.T) {
	screen, _, cancel, done := started(t, Config{})
	screen.await(t, "no flows yet")
	cancel()
	if err := wait(t, done); err != nil {
		t.Errorf("error %v", err)
	}
	restored(t, screen)
}

func TestRunShowsTheEndOfTheSource(t *testing.T) {
	screen, keys, _, done := started(
		t,
		Config{Feed: func(context.Context) error { return errors.New("read events: gone") }},
	)
	screen.await(t, "the source has ended: read events: gone")
	_, _ = keys.Write([]byte("q"))
	if err := wait(t, done); err != nil {
		t.Errorf("error %v", err)
	}
}

// TestLateAnswers has the UI end before the terminal has answered: it ends with the last answer, in any order.
func TestLateAnswers(t *testing.T) {
	ends := func(cmd tea.Cmd) bool {
		if cmd == nil {
			return false
		}
		_, quit := cmd().(tea.QuitMsg)
		return quit
	}
	place, background := tea.CursorPositionMsg{X: 1}, tea.BackgroundColorMsg{Color: color.Black}
	for _, c := range []struct {
		what           string
		before, during []tea.Msg
		none           bool // nothing was asked
	}{
		{"in order", nil, []tea.Msg{background, place}, false},
		{"the place first", nil, []tea.Msg{place, background}, false},
		{"the place before the end", []tea.Msg{place}, []tea.Msg{background}, false},
		{"both before the end", []tea.Msg{place, background}, nil, false},
		{"nothing was asked", nil, nil, true},
	} {
		m := New(Config{Table: table.New(table.Config{})})
		m.answers = answers{cursor: !c.none, background: !c.none}
		if asked := m.answers.ask(); (asked == nil) != c.none || m.answers.ask() != nil {
			t.Errorf("%s: asked %v", c.what, asked != nil)
		}
		for _, msg := range c.before {
			if _, cmd := m.Update(msg); cmd != nil {
				t.Errorf("%s: %T has the UI do something", c.what, msg)
			}
		}
		if now := m.answers.leave(); m.answers.leaving == (len(c.during) == 0) || !m.answers.leaving && !ends(now) {
			t.Errorf("%s: leaving %v", c.what, m.answers.leaving)
		}
		for i, msg := range c.during {
			if _, cmd := m.Update(msg); ends(cmd) != (i == len(c.during)-1) {
				t.Errorf("%s: answer %d ends the UI: %v", c.what, i, ends(cmd))
			}
		}
	}
}

// Every panic leaves the terminal as it was, and is returned with its stack.
func TestRunCrash(t *testing.T) {
	for _, c := range []struct {
		name, keys string
		cfg        func() Config
	}{
		{"feed", "", func() Config { return Config{Feed: func(context.Context) error { panic("feed\nbroke\x1b[31m") }} }},
		{"update", "p", func() Config { return Config{Player: brokenPlayer{}} }},
		{"resolver", "n", func() Config { return Config{Table: oneFlow(t), Resolver: brokenResolver{}} }},
		{"command", "xy", func() Config { return Config{Table: oneFlow(t), Deleter: brokenDeleter{}} }},
		{"view", "", func() Config {
			return Config{Table: oneFlow(t), Stats: func() loop.Stats { return loop.Stats{} }, Location: new(time.Location),
				Player: brokenClockPlayer{}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			screen, keys, _, done := started(t, c.cfg())
			if c.keys != "" {
				screen.await(t, "ev/s")
				_, _ = keys.Write([]byte(c.keys))
			}
			err := wait(t, done)
			var crash *Crash
			if !errors.As(err, &crash) {
				t.Fatalf("error %v", err)
			}
			if text := err.Error(); strings.ContainsAny(text, "\n\x1b") || !strings.Contains(text, "broke") {
				t.Errorf("error %q", text)
			}
			if !bytes.Contains(crash.Stack, []byte("run_test.go")) {
				t.Errorf("the stack does not lead here:\n%s", crash.Stack)
			}
			restored(t, screen)
		})
	}
}

// oneFlow is a table with a flow in it.
func oneFlow(t *testing.T) *table.Table {
	st := newStage(t)
	st.clients(1)
	return st.table
}

type brokenResolver struct{}

func (brokenResolver) Name(context.Context, netip.Addr) (string, error) { panic("resolver broke") }

type brokenDeleter struct{}

func (brokenDeleter) Delete(context.Context, *monitor.Flow, monitor.Attrs) error {
	panic("deleter broke")
}

// brokenClockPlayer breaks when it is drawn.
type brokenClockPlayer struct{ brokenPlayer }

func (brokenClockPlayer) State() Playing { panic("player broke") }

type brokenPlayer struct{}

func (brokenPlayer) State() Playing    { return Playing{} }
func (brokenPlayer) Play(bool)         { panic("player broke") }
func (brokenPlayer) Speed(float64)     {}
func (brokenPlayer) Seek(monitor.Time) {}

// Nothing hostile gets to the terminal: of all that is written, only the
// renderer's own sequences and printable characters remain.
func TestRunHostileText(t *testing.T) {
	hostile := "\x1b]0;PWN\x07\x1b[31337mX\u009b31m\u202eY\u2066\xff\nZ\r\x7f"
	st := newStage(t)
	f := flowOf(
		monitor.TCP,
		"192.168.77.9:40001",
		"203.0.113.9:21",
		"203.0.113.1:40001",
		"203.0.113.9:21",
		srcNAT|assured,
		monitor.PathForward,
	)
	f.Mark = 1
	x := &monitor.Extra{Helper: []byte(hostile), SecCtx: []byte(hostile), Labels: []byte{1}}
	st.event(monitor.KindNew, 1, f, monitor.AttrHelper|monitor.AttrSecCtx|monitor.AttrLabels, x)
	st.commit()
	cfg := st.cfg
	cfg.Info = Info{Host: hostile, Namespace: hostile, Capture: hostile}
	cfg.Env.Labels = map[string]int{hostile: 0}
	cfg.Services = func(monitor.Proto, uint16) string { return hostile }
	cfg.Deleter = &deleter{err: errors.New(hostile)}
	cfg.Feed = func(context.Context) error { return errors.New(hostile) }
	screen, keys, _, done := started(t, cfg)
	for _, step := range []struct{ keys, shows string }{
		{"", "the source has ended"}, {"n", `\u009b`}, {"xy", "not deleted"}, {"\r", "original"}, {"\x1b[F", "secctx"},
		{"2", "TIME"}, {"1/helper ", "a text should follow"},
	} {
		_, _ = keys.Write([]byte(step.keys))
		screen.await(t, step.shows)
	}
	_, _ = keys.Write([]byte("\x03")) // closes the filter
	_, _ = keys.Write([]byte("\x03"))
	if err := wait(t, done); err != nil {
		t.Errorf("error %v", err)
	}
	out := screen.String()
	for _, bad := range []string{"\x1b]0;PWN", "\x1b[31337", "\u009b", "\u202e", "\u2066", "PWN\x07"} {
		if i := strings.Index(out, bad); i >= 0 {
			t.Errorf("%q is written: %q", bad, out[max(0, i-40):i+20])
		}
	}
	for i, r := range ansi.Strip(out) {
		if monitor.Unsafe(r) && r != '\r' && r != '\n' && r != '\t' && r != '\b' {
			t.Fatalf("%q is written, at %d", r, i)
		}
	}
}

// The flows that are in the table at the start are no events of the last minute.
func TestDumpIsNoTraffic(t *testing.T) {
	st := newStage(t)
	st.frame()
	st.stats.Events, st.stats.Existing = 503, 500
	st.now += 1e9
	st.frame()
	if line := st.line(0); !strings.HasSuffix(line, " 3 ev/s") {
		t.Errorf("%q", line)
	}
}
