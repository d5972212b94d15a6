//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui"
)

// TestUI is a user in front of the lab's UI.
func TestUI(t *testing.T) {
	t.Parallel()
	p := openPane(t, 120, 30, "lab", "--theme", "dark")
	p.await("flows with NAT", hasText("1 Flows", "⇒ 203.0.113.1:", "? help"))

	openDetail(p)
	deleteFlow(p)
	askOnWho(p)

	p.press("q")
	p.endedWell()
}

// openDetail opens a flow's walk.
func openDetail(p *pane) {
	p.press("Enter")
	p.await("the walk", hasText("PREROUTING", "POSTROUTING  no look-up: the packet has its entry", " life ", "status "))
	p.press("Escape")
	p.await("the table", func(lines []string) bool { return len(flowRows(lines)) > 0 })
}

// deleteFlow deletes a session, which would go on for long, and sees the kernel's
// event of its end.
func deleteFlow(p *pane) {
	p.enter("/")
	p.press("C-u")
	p.enter("tcp and orig.dport 22 and state established")
	p.press("Enter")
	p.await("a session", func(lines []string) bool { return hasText("? help")(lines) && len(flowRows(lines)) > 0 })
	p.press("Space") // the row under the cursor is the one that is deleted
	p.await("the pause", hasText("PAUSED +"))
	p.press("x")
	question := regexp.MustCompile(`delete tcp (\S+) → 203\.0\.113\.9:22 in the kernel\?`)
	lines := p.await("the question", func(lines []string) bool { return question.MatchString(lines[len(lines)-1]) })
	from := netip.MustParseAddrPort(question.FindStringSubmatch(lines[len(lines)-1])[1])
	p.press("y")
	p.await("the answer", hasText(fmt.Sprintf("deleted tcp %s → 203.0.113.9:22", from)))
	p.press("Space")
	p.enter("/")
	p.press("C-u")
	p.enter(fmt.Sprintf("tcp and orig.sport %d", from.Port()))
	p.press("Enter")
	p.await("the filter", func(lines []string) bool { return hasText(" of ")(lines) && !hasText("esc undo")(lines) })
	p.enter("2")
	p.await("the kernel's event", func(lines []string) bool {
		return slices.ContainsFunc(lines, func(l string) bool {
			return strings.Contains(l, " destroy ") && strings.Contains(l, from.String()+" ⇒ ")
		})
	})
}

// askOnWho asks the lab's table, which is called by its name.
func askOnWho(p *pane) {
	p.enter("6")
	p.await("the page Who", hasText("enter to search who held an address"))
	p.press("Enter")
	p.enter("203.0.113.1 --proto tcp")
	p.await("the question", hasText(" who 203.0.113.1 --proto tcp"))
	p.press("Enter")
	p.await("the answer", hasText("The table of the lab gateway as it was at ", "INSIDE", " 203.0.113.1:", "still open"))
}

// TestUIEnds holds the terminal to being as it was, whatever ends the UI.
func TestUIEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(p *pane)
	}{
		{"control-c", func(p *pane) { p.press("C-c") }},
		{"SIGTERM", func(p *pane) { p.signal(syscall.SIGTERM) }},
		{"SIGINT", func(p *pane) { p.signal(syscall.SIGINT) }},
		{"SIGHUP", func(p *pane) { p.signal(syscall.SIGHUP) }},
		{"SIGTERM while a filter is typed", func(p *pane) {
			p.enter("/tcp")
			p.await("the filter", hasText("/ tcp", "esc undo"))
			p.signal(syscall.SIGTERM)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := openPane(t, 80, 24, "lab")
			p.await("flows with NAT", hasText("⇒203.0.113.1"))
			c.end(p)
			p.endedWell()
		})
	}
}

// signal sends a signal to the program.
func (p *pane) signal(s syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(p.child(), s); err != nil {
		p.t.Fatal(err)
	}
}

// child is the program's process.
func (p *pane) child() int {
	p.t.Helper()
	shell := p.Ask("#{pane_pid}")
	children, err := os.ReadFile(filepath.Join("/proc", shell, "task", shell, "children"))
	if err != nil {
		p.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		p.t.Fatalf("the shell's children: %v", err)
	}
	return pid
}

// beCrashing, in the environment, makes TestUICrash a UI that breaks in that way.
const beCrashing = "NATLENS_TEST_CRASH"

// TestUICrash holds the terminal to being as it was after a panic in any of the
// goroutines that the UI runs on.
func TestUICrash(t *testing.T) {
	if where := os.Getenv(beCrashing); where != "" {
		crash(where)
	}
	t.Parallel()
	for _, c := range []struct{ where, keys string }{
		{"feed", "p"},
		{"page", "p"},
		{"resolver", "n"}, // asked by goroutines of the UI
		{"command", "es"}, // what a key starts: the export
	} {
		t.Run(c.where, func(t *testing.T) {
			t.Parallel()
			p := openPaneWith(t, 80, 24, beCrashing+"="+c.where, "-test.run=^TestUICrash$")
			p.await("the UI", hasText("1 Flows"))
			for _, k := range c.keys {
				p.enter(string(k))
			}
			if c.where == "command" {
				p.await("the question where to", hasText("JSON lines to flows-"))
				p.press("Enter")
			}
			if got, want := p.ended(), p.before.screen+"\n\nnatlens: the terminal UI crashed: it broke\nended 3"; got != want {
				t.Errorf("the screen is\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// crash runs a UI that panics when a key is pressed, and ends the program.
func crash(where string) {
	table := table.New(table.Config{})
	var b monitor.Batch
	*b.Add() = monitor.Event{Kind: monitor.KindNew, Time: monitor.Now(), Has: monitor.AttrOrig,
		Flow: monitor.Flow{Orig: monitor.Tuple{Proto: monitor.UDP, Family: monitor.IPv4}}}
	table.Apply(&b)
	pressed := make(chan struct{})
	cfg := tui.Config{Table: table, Exporter: broken{}, Resolver: broken{}, Player: player(func() {
		if where == "page" {
			panic("it broke")
		}
		close(pressed)
	})}
	cfg.Feed = func(ctx context.Context) error {
		select {
		case <-pressed:
			panic("it broke")
		case <-ctx.Done():
			return nil
		}
	}
	if err := tui.Run(context.Background(), cfg); err != nil {
		fmt.Fprintln(os.Stderr, "natlens:", err)
		os.Exit(3)
	}
	os.Exit(0)
}

// broken is what commands call, and panics.
type broken struct{}

func (broken) Create(string, bool) (monitor.Sink, error) { panic("it broke") }

func (broken) Name(context.Context, netip.Addr) (string, error) { panic("it broke") }

// player is a source whose play key does something else.
type player func()

func (player) State() tui.Playing { return tui.Playing{} }
func (p player) Play(bool)        { p() }
func (player) Speed(float64)      {}
func (player) Seek(monitor.Time)  {}

// flowRow is a line of the Flows page.
type flowRow struct {
	proto string
	from  netip.AddrPort // not valid: cut, or no port
	to    string
}

// flowRows reads the rows of the table on a screen of 120 columns.
func flowRows(lines []string) (rows []flowRow) {
	row := regexp.MustCompile(`^ [▌ ] (\w+) +\w+ +[!×]? *(\S+) +(?:⇒ \S+ +)?(\S+) .* \d+[smhd]`)
	for _, l := range lines {
		if m := row.FindStringSubmatch(l + " "); m != nil {
			from, _ := netip.ParseAddrPort(m[2])
			rows = append(rows, flowRow{m[1], from, m[3]})
		}
	}
	return rows
}
