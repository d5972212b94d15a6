package findings

import (
	"net/netip"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/table"
)

// world is a table with an engine over it and a clock of its own.
type world struct {
	t      *testing.T
	now    monitor.Time
	table  *table.Table
	engine *Engine
	gone   []monitor.Finding
	came   []monitor.Finding

	asked bool                 // for a dump
	send  func(*monitor.Event) // what has happened to a flow since the last dump; nil: nothing
}

func newWorld(t *testing.T, adjust func(*Config)) *world {
	w := &world{t: t, now: monitor.Time(1e18), table: table.New(table.Config{})}
	cfg := Config{Table: w.table, Thresholds: DefaultThresholds()}
	cfg.Refresh = func() { w.asked = true }
	if adjust != nil {
		adjust(&cfg)
	}
	w.engine = New(cfg)
	return w
}

// flow is a flow of a test: "192.0.2.1:1000", "198.51.100.1:80".
type flow struct {
	proto     monitor.Proto
	from, to  string
	sentAs    string // "": from
	delivered string // "": to
	state     monitor.State
	status    monitor.Status
	timeout   uint32
	netns     monitor.NetNS
}

func end(s string) (monitor.Addr, uint16) {
	ap := netip.MustParseAddrPort(s)
	return monitor.AddrFrom(ap.Addr()), ap.Port()
}

// event makes an event of a flow; NAT bits follow the tuples.
func (w *world) event(kind monitor.Kind, f flow) monitor.Event {
	e := monitor.Event{Time: w.now, TimeSource: monitor.TimeKernel, Kind: kind}
	e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID | monitor.AttrTimeout
	if f.proto == monitor.TCP {
		e.Has |= monitor.AttrState
	}
	if f.sentAs == "" {
		f.sentAs = f.from
	}
	if f.delivered == "" {
		f.delivered = f.to
	}
	o, r := &e.Flow.Orig, &e.Flow.Reply
	o.Src, o.SrcPort = end(f.from)
	o.Dst, o.DstPort = end(f.to)
	r.Src, r.SrcPort = end(f.delivered)
	r.Dst, r.DstPort = end(f.sentAs)
	o.Proto, r.Proto = f.proto, f.proto
	e.SetNetNS(f.netns)
	o.Family, r.Family = monitor.IPv4, monitor.IPv4
	if !o.Src.Is4() {
		o.Family, r.Family = monitor.IPv6, monitor.IPv6
	}
	e.Flow.State, e.Flow.Status, e.Flow.Timeout = f.state, f.status|monitor.Confirmed, f.timeout
	if f.sentAs != f.from {
		e.Flow.Status |= monitor.SrcNAT
	}
	if f.delivered != f.to {
		e.Flow.Status |= monitor.DstNAT
	}
	return e
}

// see has the table and the engine see events of the flows.
func (w *world) see(kind monitor.Kind, flows ...flow) {
	var b monitor.Batch
	for _, f := range flows {
		*b.Add() = w.event(kind, f)
	}
	w.table.Apply(&b)
	w.engine.Observe(&b)
}

// dump reads the kernel's table again: timeouts have fallen since.
func (w *world) dump() {
	var b monitor.Batch
	w.table.Scan(func(i uint32, r *table.Row, x *monitor.Extra) bool {
		e := b.Add()
		r.Event(i, x, w.now, e)
		e.Kind, e.Time = monitor.KindExisting, w.now
		e.Flow.Timeout -= min(e.Flow.Timeout, uint32((w.now-r.Last)/1e9))
		if w.send != nil {
			w.send(e)
		}
		return true
	})
	w.table.Apply(&b)
}

// pass lets time go by, in ticks.
func (w *world) pass(d time.Duration) {
	for end := w.now + monitor.Time(d); w.now < end; {
		w.now += monitor.Time(100 * time.Millisecond)
		if w.asked {
			w.asked = false
			w.dump()
		}
		for _, f := range w.engine.Tick(w.now) {
			checkLine(w.t, &f)
			if f.Cleared == 0 {
				w.came = append(w.came, f)
			} else {
				w.gone = append(w.gone, f)
			}
		}
	}
}

// expect checks what has appeared and gone since the last time, as "rule subject".
func (w *world) expect(what string, came, gone []string) {
	w.t.Helper()
	for _, c := range []struct {
		what string
		got  []monitor.Finding
		want []string
	}{{"appeared", w.came, came}, {"gone", w.gone, gone}} {
		var got []string
		for _, f := range c.got {
			got = append(got, f.Rule+" "+f.Subject)
		}
		if len(got) != len(c.want) {
			w.t.Errorf("%s: %s: got %q, want %q", what, c.what, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				w.t.Errorf("%s: %s: got %q, want %q", what, c.what, got, c.want)
			}
		}
	}
	w.came, w.gone = nil, nil
}

// selected counts the flows of the table that a finding's filter selects.
func (w *world) selected(text string) (n uint64) {
	w.t.Helper()
	expr, err := filter.Parse(text)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	keep := filter.Compile(expr, filter.Env{})
	var e monitor.Event
	w.table.Scan(func(i uint32, r *table.Row, x *monitor.Extra) bool {
		if r.Event(i, x, w.now, &e); keep(&e) {
			n++
		}
		return true
	})
	return n
}
