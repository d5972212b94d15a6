package tui

import (
	"strings"
	"testing"

	"natlens/tui/events"
	"natlens/tui/tail"
)

func (st *stage) events() *events.Page { return st.pages[1].(*events.Page) }

// seqUnder returns the number of the event under the cursor, by the port of its flow (see
// clients and newcomer), and its line.
func (st *stage) seqUnder() (int, int) {
	f, ok := st.events().Chosen()
	if !ok {
		st.t.Fatal("no event under the cursor")
	}
	port := int(f.Row.Flow.Orig.SrcPort)
	if port >= 50000 {
		return 501 + port - 50000, st.events().Line
	}
	return port - 1023, st.events().Line
}

// At the bottom the cursor follows the stream; above it, it stays on its event
// while the stream goes on; the end takes it back.
// Each cell of an event is a condition: of the flow as of the event, not as it is
// now.
func TestEventCells(t *testing.T) {
	want := []string{"event new", "tcp", "tcp and state syn_sent", "src 192.168.77.2", "reply.dst 203.0.113.1",
		"dst 203.0.113.9 and dport 443", "not dnat"}
	for i, cell := range want {
		st := newStage(t)
		st.gateway()
		st.size(120, 30)
		st.press("2<up><up><up><up><up><up>") // the NEW of a flow that is established now
		if !strings.Contains(st.screen(), "▌ 12:02:58.000  new       tcp     SYN_SENT") {
			t.Fatalf("the cursor is elsewhere:\n%s", st.screen())
		}
		st.press("<left><left><left>" + strings.Repeat("<right>", i) + "f")
		if st.s.Text != cell {
			t.Errorf("cell %d: %q, want %q", i, st.s.Text, cell)
		}
	}
}

func TestEventsFollow(t *testing.T) {
	st := newStage(t)
	st.clients(500)
	st.size(120, 30)
	st.press("2")
	if seq, line := st.seqUnder(); seq != 500 || line != st.events().Height-1 {
		t.Errorf("at first: event %d on line %d", seq, line)
	}
	st.newcomer(50000)
	if seq, _ := st.seqUnder(); seq != 501 {
		t.Errorf("following: event %d, want 501", seq)
	}
	st.press("<up><up><up>")
	st.newcomer(50001)
	if seq, line := st.seqUnder(); seq != 498 || line != st.events().Height-4 {
		t.Errorf("scrolled back: event %d on line %d, want 498 where it was", seq, line)
	}
	for range 40 {
		st.press("<pgup>")
	}
	if seq, line := st.seqUnder(); seq != 1 || line != 0 {
		t.Errorf("at the beginning: event %d on line %d", seq, line)
	}
	st.press("<pgdn>")
	if seq, _ := st.seqUnder(); seq != 1+st.events().Height {
		t.Errorf("a page on: event %d", seq)
	}
	st.press("G")
	st.newcomer(50002)
	if seq, _ := st.seqUnder(); seq != 503 {
		t.Errorf("at the end again: event %d, want 503", seq)
	}
	st.press("g")
	if seq, line := st.seqUnder(); seq != 1 || line != 0 {
		t.Errorf("home: event %d on line %d", seq, line)
	}
}

// From an event one gets to its flow, also when the table has let go of it.
func TestEventsJumpToFlow(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.now += 10e9
	st.frame()
	st.press("2<up><up><enter>") // the end of 192.168.77.2:39498
	if s := st.screen(); !st.detail.Open || !strings.Contains(s, "192.168.77.2:39498") ||
		!strings.Contains(s, "× ended 12s ago") {
		t.Errorf("the detail of an ended flow:\n%s", s)
	}
	st.press("<esc><down><enter>")
	if st.detail.Open {
		t.Error("a loss has a detail")
	}
	st.press("/udp<enter>")
	if n := st.events().ExportsEvents(); n != 3 || !strings.Contains(st.screen(), "2,844 events lost") {
		t.Errorf("%d events match udp; losses always do:\n%s", n, st.screen())
	}
}

// A tail that is cleared counts from 0, and the page goes on.
func TestTailClear(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.press("2")
	st.tail.Clear()
	if got := st.tail.Counts(); got != (tail.Counts{}) {
		t.Errorf("after Clear it counts on from %+v", got)
	}
	st.frame()
	if s := st.screen(); !strings.Contains(s, "no events yet") {
		t.Errorf("after a source has begun again:\n%s", s)
	}
	st.newcomer(40000)
	if s := st.screen(); !strings.Contains(s, "172.16.0.1:40000") {
		t.Errorf("the first event after that:\n%s", s)
	}
}
