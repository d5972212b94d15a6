//go:build linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// A reader that stalls while flows come and go loses events. What it received
// and what it lost add up to what was made, and after the resync its table is
// the kernel's, with traffic still going on. With a filter in the kernel all of
// this is true of the flows that it wants.
func TestResyncMakesTheTableWhole(t *testing.T) {
	some, err := filter.Parse("dport 1000..1999")
	if err != nil {
		t.Fatal(err)
	}
	eachWay(t, func(t *testing.T, w way) {
		t.Run("all", func(t *testing.T) { resyncs(t, w, nil, 10_000) })
		t.Run("filtered", func(t *testing.T) { resyncs(t, w, some, 1000) })
	})
}

// resyncs makes the table whole of the flows that push wants: the first so many
// of each round.
func resyncs(t *testing.T, w way, push filter.Expr, wanted int) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{SNAT: true})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	c := w.start(t, Config{NetNS: g.Namespace().FD(), Ring: 1 << 16, Buffer: 1 << 16, Push: push})
	sink := &stallingSink{stall: make(chan struct{})}
	m := &loop.Loop{
		Source: c, Table: table.New(table.Config{}), Sinks: []monitor.Sink{sink},
		Resync: loop.Resync{AfterLoss: true, Pause: time.Millisecond},
	}
	if push != nil {
		m.Scope = filter.Compile(push, filter.Env{})
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- m.Run(running) }()

	made := 0
	for i, flows := range []int{500, 6000, 2000} {
		// The first event of the second round stalls the sink to its end.
		if i == 1 {
			sink.stallNext.Store(true)
		}
		if n, err := g.Generate(ctx, labtest.GenConfig{Flows: flows, Base: i}); err != nil || n.Flows != flows {
			t.Fatal(n, err)
		}
		if c.WhyNotPushed() == nil {
			flows = min(flows, wanted)
		}
		made += flows
		if i == 1 {
			close(sink.stall)
		}
	}
	// Until all that was made is received or known to be lost, and reconciled.
	until(t, ctx, func() bool {
		s := m.Stats()
		known := sink.received.Load() + sink.lost.Load()
		if c.WhyNotPushed() != nil { // then all are counted as lost
			known += c.Stats().LeftOut
		}
		return s.Lost > 0 && int(known) == made && s.Resyncs > 0 && sink.pending.Load() == 0
	}, func() string {
		return fmt.Sprintf("made %d, received %d, lost %d, %+v", made, sink.received.Load(), sink.lost.Load(), m.Stats())
	})
	same := func() string { return sameTable(t, ctx, m.Table, m.Scope, g.Namespace().FD()) }
	until(t, ctx, func() bool { return same() == "" }, same)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// stallingSink counts what it gets, and stalls once.
type stallingSink struct {
	stallNext      atomic.Bool
	stall          chan struct{}
	received, lost atomic.Uint64
	pending        atomic.Int64 // losses without their resync
}

func (s *stallingSink) Write(b *monitor.Batch) error {
	if s.stallNext.Swap(false) {
		<-s.stall
	}
	for i := range b.Events {
		switch e := &b.Events[i]; {
		case e.Kind == monitor.KindLost:
			s.lost.Add(e.Gap.Count)
			s.pending.Store(1)
		case e.Kind == monitor.KindResynced:
			s.pending.Store(0)
		case e.Kind == monitor.KindNew && !e.Inferred:
			s.received.Add(1)
		}
	}
	return nil
}

func (s *stallingSink) Close() error { return nil }

// known is what a table and a dump must agree on.
type known struct {
	reply  monitor.Tuple
	id     uint32
	status monitor.Status
	mark   uint32
	state  monitor.State
}

func knownOf(f *monitor.Flow) known { return known{f.Reply, f.ID, f.Status, f.Mark, f.State} }

// sameTable returns "" if the table holds what the kernel's does of a scope, field
// for field, or else what the first difference is.
func sameTable(t *testing.T, ctx context.Context, flows *table.Table, scope monitor.Filter, netns int) string {
	t.Helper()
	ours, theirs := map[monitor.Tuple]known{}, map[monitor.Tuple]known{}
	dump, err := kernel.Dump(ctx, netns)
	if err != nil {
		t.Fatal(err)
	}
	defer dump.Close()
	var b monitor.Batch
	for err == nil {
		b.Reset()
		err = dump.Next(ctx, &b)
		if scope != nil {
			b.Keep(scope)
		}
		for i := range b.Events {
			theirs[b.Events[i].Flow.Orig] = knownOf(&b.Events[i].Flow)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	flows.Scan(func(_ uint32, r *table.Row, _ *monitor.Extra) bool {
		if !r.Ended() {
			ours[r.Flow.Orig] = knownOf(&r.Flow)
		}
		return true
	})
	if maps.Equal(ours, theirs) {
		return ""
	}
	for tuple, k := range theirs {
		if o, ok := ours[tuple]; !ok || o != k {
			return fmt.Sprintf("%d flows, the kernel has %d; %+v: %+v, in the kernel %+v", len(ours), len(theirs), tuple, o, k)
		}
	}
	return fmt.Sprintf("%d flows, the kernel has %d", len(ours), len(theirs))
}

// until waits for a condition.
func until(t *testing.T, ctx context.Context, ok func() bool, state func() string) {
	t.Helper()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("waited in vain: ", state())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
