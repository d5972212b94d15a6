package tui

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/flows"
)

func (st *stage) flows() *flows.Page { return st.pages[0].(*flows.Page) }

// under returns the source port of the flow under the cursor, and its line.
func (st *stage) under() (port uint16, line int) {
	st.t.Helper()
	f, ok := st.flows().Chosen()
	if !ok {
		st.t.Fatal("no flow under the cursor")
	}
	return f.Row.Flow.Orig.SrcPort, st.flows().Line
}

// newcomer adds a flow that has just begun.
func (st *stage) newcomer(port int) {
	st.now += 1e6
	f := flowOf(
		monitor.TCP,
		fmt.Sprintf("172.16.0.1:%d", port),
		"203.0.113.9:443",
		fmt.Sprintf("203.0.113.1:%d", port),
		"203.0.113.9:443",
		srcNAT,
		monitor.PathForward,
	)
	st.event(monitor.KindNew, 0, live(f, monitor.TCPSynSent, 120), timed, nil)
	st.commit()
}

func TestCursorStaysOnItsFlow(t *testing.T) {
	st := newStage(t)
	st.clients(200)
	st.size(120, 30)
	st.press("<down><down><down><down><down>")
	port, line := st.under()
	for i := range 10 {
		st.newcomer(50000 + i)
	}
	if p, l := st.under(); p != port || l != line {
		t.Errorf("after new flows: on port %d, line %d; was on %d, line %d", p, l, port, line)
	}
	f, _ := st.flows().Chosen()
	gone := f.Row.Flow
	st.event(monitor.KindDestroy, 0, gone, 0, nil)
	st.commit()
	if p, _ := st.under(); p != port {
		t.Errorf("while its flow lingers: on port %d, was on %d", p, port)
	}
	st.now += 6e9
	st.frame()
	st.frame()
	if p, l := st.under(); p != port-1 || l != line {
		t.Errorf("when its flow is gone: on port %d, line %d; want its neighbour %d, line %d", p, l, port-1, line)
	}
}

func TestTopFollows(t *testing.T) {
	st := newStage(t)
	st.clients(50)
	st.size(120, 30)
	st.newcomer(50000)
	if p, l := st.under(); p != 50000 || l != 0 {
		t.Errorf("before any move: on port %d, line %d; want the newest, at the top", p, l)
	}
	st.press("<down>")
	st.newcomer(50001)
	if p, l := st.under(); p == 50001 || l != 1 {
		t.Errorf("after a move: on port %d, line %d; want its flow, line 1", p, l)
	}
	st.press("g")
	st.newcomer(50002)
	if p, l := st.under(); p != 50002 || l != 0 {
		t.Errorf("after home: on port %d, line %d; want the newest, at the top", p, l)
	}
}

// Page after page the rows come in order, without a gap, to the last one and
// back.
func TestScrollThroughAll(t *testing.T) {
	const n = 3000
	st := newStage(t)
	st.clients(n)
	st.size(120, 30)
	height := st.flows().Height
	for at := height; at < n; at += height {
		st.press("<pgdn>")
		if p, _ := st.under(); p != uint16(1024+n-1-at) {
			t.Fatalf("%d rows down: on port %d, want %d", at, p, 1024+n-1-at)
		}
	}
	st.press("<pgdn>")
	if p, l := st.under(); p != 1024 || l != height-1 {
		t.Errorf("at the end: on port %d, line %d; want 1024, line %d", p, l, height-1)
	}
	for range n/height + 1 {
		st.press("<pgup>")
	}
	if p, l := st.under(); p != 1024+n-1 || l != 0 {
		t.Errorf("back at the top: on port %d, line %d; want %d, line 0", p, l, 1024+n-1)
	}
}

// The keys after a jump count from where the jump leads.
func TestJumpLands(t *testing.T) {
	const n, last = 3000, 1024 + 2999
	for _, c := range []struct {
		name  string
		jump  tea.KeyPressMsg
		moves string
		port  uint16
		line  int
	}{
		{"home", tea.KeyPressMsg{Code: tea.KeyHome}, "", last, 0},
		{"home and down", tea.KeyPressMsg{Code: tea.KeyHome}, "<down><down>", last - 2, 2},
		{"end", tea.KeyPressMsg{Code: tea.KeyEnd}, "", 1024, 25},
		{"end and up", tea.KeyPressMsg{Code: tea.KeyEnd}, "<up><up><down>", 1025, 24},
		{"reversed, and down", tea.KeyPressMsg{Code: 'r', Text: "r"}, "<down>", 1025, 1},
	} {
		st := newStage(t)
		st.clients(n)
		st.size(120, 30)
		for range 20 {
			st.press("<pgdn>")
		}
		st.send(c.jump)
		st.press(c.moves)
		if p, l := st.under(); p != c.port || l != c.line {
			t.Errorf("%s: on port %d, line %d; want %d, line %d", c.name, p, l, c.port, c.line)
		}
		st.newcomer(50000)
		if p, _ := st.under(); c.moves != "" && p != c.port {
			t.Errorf("%s: with a new flow on port %d, want %d", c.name, p, c.port)
		}
	}
}

func TestSortByClickAndKey(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(120, 30)
	first := func() string { return strings.Fields(strings.Split(st.screen(), "\n")[3])[1] }
	st.clickOn(2, "PROTO")
	if got := first(); got != "icmp" {
		t.Errorf("by protocol: %s comes first, want icmp", got)
	}
	st.clickOn(2, "PROTO")
	if got := first(); got != "gre" {
		t.Errorf("by protocol, again: %s comes first, want gre", got)
	}
	st.press("r")
	if got := first(); got != "icmp" {
		t.Errorf("reversed: %s comes first, want icmp", got)
	}
	st.press("<right><right><right><right><right><right>s")
	if got := first(); got != "tcp" || !strings.Contains(st.line(2), "AGE▲") {
		t.Errorf("by age: %s comes first\n%s", got, st.line(2))
	}
}

func TestMouse(t *testing.T) {
	st := newStage(t)
	st.clients(100)
	st.size(120, 30)
	st.send(tea.MouseClickMsg{X: 20, Y: 7, Button: tea.MouseLeft})
	if _, l := st.under(); l != 4 {
		t.Errorf("a click on the fifth row: the cursor is on line %d", l)
	}
	st.send(tea.MouseClickMsg{X: 20, Y: 7, Button: tea.MouseLeft})
	if !st.detail.Open {
		t.Error("a click on the row under the cursor opens no detail")
	}
	st.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	st.press("<esc>")
	st.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	if _, l := st.under(); l != 7 {
		t.Errorf("after the wheel: line %d, want 7", l)
	}
	st.clickOn(0, "Events")
	if st.s.Open != 1 {
		t.Errorf("a click on Events shows page %d", st.s.Open)
	}
	st.press("3")
	st.clickOn(2, "protocol")
	if got := st.line(3); !strings.Contains(got, "PROTOCOL") {
		t.Errorf("a click on protocol: %q", got)
	}
	st.send(tea.MouseClickMsg{X: 2, Y: st.height - 1, Button: tea.MouseLeft})
	if st.s.Open != 0 || st.s.Text != "tcp" {
		t.Errorf("a click on the first key of the last line: page %d, filter %q", st.s.Open, st.s.Text)
	}
}

func TestPause(t *testing.T) {
	st := newStage(t)
	st.clients(500)
	st.size(120, 30)
	st.press("<space>")
	before := strings.SplitN(st.screen(), "\n", 3)
	if want := "PAUSED +0 events"; !strings.Contains(before[1], want) {
		t.Errorf("status %q does not say %q", before[1], want)
	}
	for i := range 5 {
		st.newcomer(50000 + i)
	}
	st.now += 3e9
	st.frame()
	after := strings.SplitN(st.screen(), "\n", 3)
	if before[2] != after[2] {
		t.Errorf("the paused view moves:\n%s\n%s", before[2], after[2])
	}
	if want := "PAUSED +5 events"; !strings.Contains(after[1], want) {
		t.Errorf("status %q does not say %q", after[1], want)
	}
	st.press("<end>")
	if p, _ := st.under(); p != 1024 {
		t.Errorf("the end of the paused view: on port %d, want 1024", p)
	}
	st.press("g<space>")
	if p, _ := st.under(); p == 50004 {
		t.Error("going on moves the cursor off its flow")
	}
	st.press("g")
	if p, _ := st.under(); p != 50004 {
		t.Errorf("going on, at the top: on port %d, want 50004", p)
	}
}

func TestRatesAndCounters(t *testing.T) {
	st := newStage(t, readable)
	st.clients(3)
	f, _ := st.flows().Chosen()
	for i := range 2 {
		e := monitor.Event{Kind: monitor.KindExisting, Time: st.now, Flow: f.Row.Flow,
			Has: monitor.AttrOrig | monitor.AttrCountersOrig | monitor.AttrCountersReply}
		e.Flow.CountersOrig.Bytes, e.Flow.CountersReply.Bytes = uint64(1000+i*400_000), uint64(i*2_000_000)
		st.refresher.take(&e)
		st.now += 2e9
	}
	st.now -= 2e9
	st.size(120, 30)
	if s := st.screen(); !strings.Contains(s, "240 kB/s") {
		t.Errorf("2.4 MB in two seconds are no 240 kB/s over ten:\n%s", s)
	}
	if !strings.Contains(st.line(2), "RATE▼") {
		t.Fatal(st.line(2))
	}
	if got, _ := st.under(); got != f.Row.Flow.Orig.SrcPort {
		t.Errorf("by rate: port %d comes first", got)
	}
}

// TestColumnsStay expects the columns to stay where they are when the last flow
// that had an attribute leaves, and only the right ones behind another filter.
func TestColumnsStay(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(160, 50)
	heading := func() string { return strings.Split(st.screen(), "\n")[2] }
	without := heading()
	st.rare()
	with := heading()
	if !strings.Contains(with, "HELPER") {
		t.Fatal(with)
	}
	st.table.Scan(func(_ uint32, r *table.Row, _ *monitor.Extra) bool {
		if r.Flow.Zone == 5 || r.Flow.Status&monitor.Expected != 0 {
			st.event(monitor.KindDestroy, 0, r.Flow, 0, nil)
		}
		return true
	})
	st.commit()
	st.now += 6e9
	st.frame()
	st.frame()
	if strings.Contains(st.screen(), "ftp") {
		t.Fatal(st.screen())
	}
	if got := heading(); got != with {
		t.Errorf("the columns moved; they were\n%s\nand are\n%s", with, got)
	}
	st.press("/tcp or not tcp<enter>")
	st.frame()
	if got := heading(); got != without {
		t.Errorf("behind another filter they are\n%s\nwant\n%s", got, without)
	}
}

// The columns stay while a filter that matches nothing is typed.
func TestColumnsWithoutRows(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(160, 50)
	before := st.line(2)
	st.press("/dport 9<enter>")
	if s := st.line(2); s != before || !strings.Contains(before, "MARK") || !strings.Contains(st.screen(), "none of 9 flows matches") {
		t.Errorf("%q, want %q\n%s", s, before, st.screen())
	}
	st.press("<ctrl+l>/udp<enter>")
	if s := st.line(2); strings.Contains(s, "MARK") {
		t.Errorf("no flow has a mark: %q", s)
	}
}
