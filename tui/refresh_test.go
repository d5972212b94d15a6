package tui

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/table"
)

// readings counts what is asked of it and returns growing counters.
type readings struct {
	st    *stage
	gets  int // flows asked for, one by one
	dumps int
	bytes uint64
	gone  uint16 // the flow from this port is not found
}

func (r *readings) report(t monitor.Tuple, got func(*monitor.Event)) {
	e := monitor.Event{Kind: monitor.KindExisting, Time: r.st.now,
		Has: monitor.AttrOrig | monitor.AttrCountersOrig | monitor.AttrCountersReply | monitor.AttrTimeout}
	e.Flow.Orig, e.Flow.Timeout = t, 99
	e.Flow.CountersOrig.Bytes = r.bytes * uint64(t.SrcPort)
	got(&e)
}

func (r *readings) Get(_ context.Context, orig []monitor.Tuple, got func(*monitor.Event)) error {
	r.gets += len(orig)
	r.bytes++
	for _, t := range orig {
		if t.SrcPort != r.gone {
			r.report(t, got)
		}
	}
	return nil
}

func (r *readings) Dump(_ context.Context, got func(*monitor.Event)) error {
	r.dumps++
	r.bytes++
	var all []monitor.Tuple
	r.st.table.Scan(func(_ uint32, row *table.Row, _ *monitor.Extra) bool {
		all = append(all, row.Flow.Orig)
		return true
	})
	for _, t := range all {
		if t.SrcPort != r.gone {
			r.report(t, got)
		}
	}
	return nil
}

// noReadings is a kernel that could be asked, and returns nothing.
type noReadings struct{}

func (noReadings) Get(context.Context, []monitor.Tuple, func(*monitor.Event)) error {
	return io.ErrUnexpectedEOF
}
func (noReadings) Dump(context.Context, func(*monitor.Event)) error { return io.ErrUnexpectedEOF }

// readable gives the stage such a kernel.
func readable(c *Config) { c.Refresher = noReadings{} }

// Only the rows in sight are read, once a second; the whole table while it is
// ordered by what is read.
func TestRefresh(t *testing.T) {
	r := &readings{}
	st := newStage(t, func(c *Config) { c.Refresher = r })
	r.st = st
	st.clients(500)
	st.size(120, 30)
	st.press("s") // by source
	later := func() {
		st.now += 1e9
		st.refresher.next, st.refresher.nextDump = time.Time{}, time.Time{}
		st.frame()
	}
	r.gets = 0
	later()
	if want := st.flows().Height; r.gets != want || r.dumps != 0 {
		t.Errorf("%d flows read and %d dumps; want the %d in sight", r.gets, r.dumps, want)
	}
	st.frame()
	if want := st.flows().Height; r.gets != want {
		t.Errorf("read again within a second: %d", r.gets)
	}
	later()
	st.press("<right><right><right><right>s") // by rate
	if !strings.Contains(st.line(2), "RATE▼") {
		t.Fatal(st.line(2))
	}
	r.gets = 0
	later()
	later()
	if r.gets != 0 || r.dumps != 2 {
		t.Errorf("by rate: %d flows read, %d dumps; want 0, 2", r.gets, r.dumps)
	}
	st.frame()
	if p, _ := st.under(); p != 1024+499 {
		t.Errorf("by rate: port %d comes first, want the busiest, %d", p, 1024+499)
	}
	r.gone = 1024 + 499 // the kernel does not have it, although no event has reported its end
	st.press("<home>")
	later()
	st.frame()
	if p, _ := st.under(); p != 1024+498 {
		t.Errorf("by rate: port %d comes first, want the busiest that has a rate, %d", p, 1024+498)
	}
	r.gone, r.dumps = 0, 2
	st.press("<space>")
	later()
	if r.dumps != 2 {
		t.Error("read while paused")
	}
}

// A flow that the kernel does not find any more is shown as timed out until its
// DESTROY comes.
func TestTimedOut(t *testing.T) {
	r := &readings{gone: 1024 + 2}
	st := newStage(t, func(c *Config) { c.Refresher = r })
	r.st = st
	st.clients(4)
	st.size(160, 50)
	row := func() string {
		st.now += 1e9
		st.refresher.next = time.Time{}
		st.frame()
		for line := range strings.Lines(st.screen()) {
			if strings.Contains(line, ":1026 ") {
				return line
			}
		}
		t.Fatalf("the flow is not shown:\n%s", st.screen())
		return ""
	}
	if line := row(); !strings.Contains(line, "ESTABLISHED·") {
		t.Errorf("not found: %q", line)
	}
	dumps := r.dumps // of the order by rate
	st.refresher.nextDump = time.Time{}
	if line := row(); r.dumps != dumps+1 || !strings.Contains(line, "ESTABLISHED·") {
		t.Errorf("not found in a dump: %q", line)
	}
	r.gone = 0
	if line := row(); strings.Contains(line, "ESTABLISHED·") {
		t.Errorf("found again: %q", line)
	}
}

// Once rates are known the busiest flow is first, unless the user has moved the cursor or chosen
// an order. The window of the rates and the age of the reading are in the status line.
func TestBusiestFirst(t *testing.T) {
	for _, c := range []struct{ keys, want, title string }{
		{"", "tcp    ESTABLISHED  10.0.0.2:1026 ", "RATE▼"},
		{"<down>", "tcp    ESTABLISHED  10.0.0.1:1025 ", "AGE▲"},
		{"s", "tcp    ESTABLISHED  10.0.0.0:1024 ", "SOURCE▲"},
	} {
		st := newStage(t, readable)
		st.clients(3)
		st.size(120, 30)
		st.press(c.keys)
		st.refresher.source = &readings{st: st}
		for range 3 {
			st.now += 1e9
			st.refresher.next, st.refresher.nextDump = time.Time{}, time.Time{}
			st.frame()
		}
		if !strings.HasPrefix(st.cursor(), c.want) || !strings.Contains(st.line(2), c.title) {
			t.Errorf("after %q the cursor is on %q under %q, want %q and %q", c.keys, st.cursor(), st.line(2), c.want, c.title)
		}
		st.now += 4e9
		st.press("a")
		st.send(frameMsg{})
		if want := "rates over 60 s, 4s ago   3 flows"; !strings.Contains(st.line(1), want) {
			t.Errorf("after %q: %q does not contain %q", c.keys, st.line(1), want)
		}
		st.press("2")
		if st.frame(); strings.Contains(st.line(1), "rates over") {
			t.Errorf("after %q: the page Events, which has no rates, shows their age: %q", c.keys, st.line(1))
		}
	}
}

// uncounted is a kernel with accounting off.
type uncounted struct{ readings }

func (u *uncounted) Get(ctx context.Context, orig []monitor.Tuple, got func(*monitor.Event)) error {
	return u.readings.Get(ctx, orig, func(e *monitor.Event) { e.Has &^= counted; got(e) })
}

// Where no flow has counters, a line has the command that turns accounting on. It goes when the
// first counters come.
func TestAccountingOff(t *testing.T) {
	u := &uncounted{}
	st := newStage(t, func(c *Config) {
		c.Refresher, c.Enter = u, func(monitor.NetNS) string { return "sudo ip netns exec red " }
	})
	u.st = st
	st.clients(3)
	read := func() {
		st.now += 1e9
		st.refresher.next, st.refresher.nextDump = time.Time{}, time.Time{}
		st.frame()
		st.frame()
	}
	read()
	golden.Words(t, "80 columns", st.line(2)+"\n"+st.line(3))
	st.size(120, 30)
	golden.Words(t, "120 columns", st.line(2))
	st.refresher.source = &u.readings
	if read(); strings.Contains(st.screen(), "no bytes") || !strings.Contains(st.line(2), "RATE") {
		t.Errorf("with counters:\n%s", st.screen())
	}
}
