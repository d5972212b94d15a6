//go:build linux

package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// What every way of capture must do. Each test of the contract runs over all of
// them, side by side in one namespace if it compares what they return.

// Both ways, listening at once, return the same messages in the same order: a life
// of each protocol, a helper with an expected connection, a DESTROY by hand.
func TestSameEvents(t *testing.T) {
	l := labtest.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	captures := make([]*Capture, len(ways))
	for i, w := range ways {
		if w.way == Ring {
			needRing(t)
		}
		captures[i] = w.start(t, Config{NetNS: l.Gateway.FD()})
	}
	const last = 40001
	acts := []func() error{
		func() error { _, err := l.TCPOnce(ctx, lab.TCP{To: lab.ServerHTTPS, Bytes: 5000}); return err },
		func() error { _, err := l.TCPOnce(ctx, lab.TCP{To: lab.ServerHTTPS6, Bytes: 5000}); return err },
		func() error { _, err := l.FTPOnce(ctx, lab.FTP{Bytes: 100, Passive: true}); return err },
		func() error { _, err := l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS}); return err },
		func() error {
			_, err := l.SCTPOnce(ctx, lab.SCTP{To: netip.AddrPortFrom(lab.ServerIP, 9899)})
			return err
		},
		func() error { return l.PingOnce(ctx, lab.Ping{To: lab.ServerIP, ID: 7}) },
	}
	for i, act := range acts {
		if err := act(); err != nil {
			t.Fatalf("traffic %d: %v", i, err)
		}
	}
	mark(t, l, last)
	var first []received
	for i, c := range captures {
		events, err := collect(ctx, c, newOf(last))
		if err != nil {
			t.Fatalf("%v: %v", c.Way(), err)
		}
		checkTimes(t, events)
		if i == 0 {
			first = events
			continue
		}
		sameEvents(t, events, first)
	}
	if len(first) < 25 {
		t.Errorf("only %d events: the traffic did not do what it is for", len(first))
	}
}

func sameEvents(t *testing.T, got, want []received) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d events, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i].kind != want[i].kind || got[i].raw != want[i].raw {
			t.Fatalf("event %d: %v %x, want %v %x", i, got[i].kind, got[i].raw, want[i].kind, want[i].raw)
		}
	}
}

func checkTimes(t *testing.T, events []received) {
	t.Helper()
	now := monitor.Now()
	for i, e := range events {
		if i > 0 && e.time < events[i-1].time {
			t.Errorf("event %d: time went back by %v", i, time.Duration(events[i-1].time-e.time))
		}
		if off := time.Duration(now - e.time); off < -time.Millisecond || off > deadline {
			t.Errorf("event %d: its time is off by %v", i, off)
		}
	}
}

// A reader that waits is woken by what comes, and it is counted. What comes before
// it waits wakes no reader, so that events are sent one by one.
func TestWakeups(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		c := w.start(t, Config{NetNS: g.Namespace().FD(), Kinds: filter.Kinds(monitor.KindNew)})
		came := make(chan int)
		go func() {
			defer close(came)
			var b monitor.Batch
			for {
				b.Reset()
				if err := c.Next(ctx, &b); err != nil {
					return
				}
				came <- len(b.Events)
			}
		}()
		if n := c.Stats().Wakeups; n != 0 {
			t.Errorf("%d wake-ups before the first event", n)
		}
		for sent := 1; c.Stats().Wakeups == 0; sent++ {
			if made, err := g.Generate(ctx, labtest.GenConfig{Flows: 1, Base: sent % 250}); err != nil || made.Flows != 1 {
				t.Fatalf("%+v after %d events, none of which woke the reader: %v", made, sent, err)
			}
			if n := <-came; n != 1 {
				t.Fatalf("%d events, 1 was sent", n)
			}
		}
		cancel()
		for range came {
		}
	})
}

// A reader that pauses while the kernel's queue overruns gets all that the queue held,
// the exact number of what it did not, and the gap in its place; and after it events
// again, a hundred times. A capture with a large queue has all events to compare with.
func TestLossIsExact(t *testing.T) {
	const rounds, burst = 100, 64
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	eachWay(t, func(t *testing.T, w way) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*deadline)
		defer cancel()
		all := ways[0].start(t, Config{NetNS: g.Namespace().FD(), Kinds: filter.Kinds(monitor.KindNew)})
		c := w.start(t, Config{NetNS: g.Namespace().FD(), Kinds: filter.Kinds(monitor.KindNew), Buffer: 4096, Ring: 4096})
		base := int(w.way) * 110
		var want, got []received
		for round := range rounds {
			made, err := g.Generate(ctx, labtest.GenConfig{Flows: burst, Base: (base + round) % 250})
			if err != nil || made.Flows != burst {
				t.Fatal(made, err)
			}
			part, err := collect(ctx, all, upTo(burst))
			if err != nil {
				t.Fatal("reference:", err)
			}
			want = append(want, part...)
			if part, err = collect(ctx, c, upTo(burst)); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			got = append(got, part...)
		}
		gaps := checkLoss(t, got, want)
		if gaps < rounds {
			t.Errorf("%d gaps in %d overruns", gaps, rounds)
		}
		s := c.Stats()
		if s.Received+s.Lost != rounds*burst || s.Gaps != uint64(gaps) {
			t.Errorf("stats %+v: want received + lost = %d, gaps %d", s, rounds*burst, gaps)
		}
	})
}

// A loss lies between what was queued before it and what is queued after it while
// the reader is still busy with the former.
func TestLossInTheMiddle(t *testing.T) {
	const flood, later = 8000, 300
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	eachWay(t, func(t *testing.T, w way) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*deadline)
		defer cancel()
		all := ways[0].start(t, Config{NetNS: g.Namespace().FD(), Kinds: filter.Kinds(monitor.KindNew)})
		var want []received
		read := make(chan error, 1)
		go func() {
			var err error
			want, err = collect(ctx, all, upTo(flood+later))
			read <- err
		}()
		// Either queue holds some 2,000 events, or less, and a batch half of that.
		c := w.start(t, Config{NetNS: g.Namespace().FD(), Kinds: filter.Kinds(monitor.KindNew), Buffer: 2 << 20, Ring: 512 << 10})
		base := 100 * int(w.way)
		if _, err := g.Generate(ctx, labtest.GenConfig{Flows: flood, Base: base, Rate: 40_000}); err != nil {
			t.Fatal(err)
		}
		got, err := collect(ctx, c, func(received) bool { return true }) // one batch
		if err != nil {
			t.Fatal(err)
		}
		// The next call gives the memory of the batch back.
		more, err := collect(ctx, c, func(received) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, more...)
		if _, err := g.Generate(ctx, labtest.GenConfig{Flows: later, Base: base + 1, Rate: 40_000}); err != nil {
			t.Fatal(err)
		}
		rest, err := collect(ctx, c, upTo(flood+later-seenIn(got)))
		if err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil {
			t.Fatal("reference:", err)
		}
		if gaps := checkLoss(t, append(got, rest...), want); gaps == 0 {
			t.Error("nothing was lost")
		}
	})
}

// A queue that overruns again and again while the reader is at it, also in the
// middle of a call that it makes, loses exactly as many as it says.
func TestLossWhileReading(t *testing.T) {
	const flood = 8000
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	eachWay(t, func(t *testing.T, w way) {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		c := w.start(t, Config{NetNS: g.Namespace().FD(), Kinds: filter.Kinds(monitor.KindNew), Buffer: 64 << 10, Ring: 16 << 10})
		made := make(chan error, 1)
		go func() {
			m, err := g.Generate(ctx, labtest.GenConfig{Flows: flood, Base: 100 * int(w.way), Rate: 100_000})
			if err == nil && m.Flows != flood {
				err = fmt.Errorf("%d flows were made", m.Flows)
			}
			made <- err
		}()
		got, err := collect(ctx, c, upTo(flood))
		if err := errors.Join(err, <-made); err != nil {
			t.Fatalf("%v\n%d of %d received and lost, stats %+v", err, seenIn(got), flood, c.Stats())
		}
		gaps, once := 0, map[string]bool{}
		for i, e := range got {
			if e.kind == monitor.KindLost {
				gaps++
				checkGap(t, got, i)
				continue
			}
			if once[e.raw] {
				t.Fatalf("event %d of %d was received before", i, len(got))
			}
			once[e.raw] = true
		}
		if n := seenIn(got); n != flood || gaps == 0 {
			t.Errorf("%d received and lost, %d gaps", n, gaps)
		}
	})
}

// seenIn counts events, received and lost.
func seenIn(events []received) (n int) {
	for _, e := range events {
		if e.kind == monitor.KindLost {
			n += int(e.lost)
		} else {
			n++
		}
	}
	return n
}

// upTo returns a stop after n events, received or lost.
func upTo(n int) func(received) bool {
	return func(e received) bool {
		n -= seenIn([]received{e})
		return n <= 0
	}
}

// checkLoss compares what was received, with losses, with what there was. Each
// event must be the one that comes next, after so many as were lost.
func checkLoss(t *testing.T, got, want []received) (gaps int) {
	t.Helper()
	at := 0
	for i, e := range got {
		if e.kind == monitor.KindLost {
			gaps++
			at += int(e.lost)
			checkGap(t, got, i)
			continue
		}
		if at >= len(want) || e.raw != want[at].raw {
			t.Fatalf("event %d of %d is not event %d of the %d that there were", i, len(got), at, len(want))
		}
		at++
	}
	if at != len(want) {
		t.Errorf("received and lost are %d, there were %d", at, len(want))
	}
	return gaps
}

func checkGap(t *testing.T, all []received, i int) {
	t.Helper()
	g := all[i].gap
	if g.Uncertain || g.Count == 0 {
		t.Errorf("gap %+v: want an exact count", g)
	}
	if g.From == 0 || i > 0 && g.From > all[i-1].time {
		t.Errorf("gap from %d, the event before it was at %d", g.From, all[i-1].time)
	}
	if g.To < g.From || i+1 < len(all) && g.To > all[i+1].time {
		t.Errorf("gap %d to %d ends after the next event", g.From, g.To)
	}
}

// Only events of the groups that were asked for are received.
func TestKinds(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		l := labtest.New(t)
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		c := w.start(t, Config{NetNS: l.Gateway.FD(), Kinds: filter.Kinds(monitor.KindNew)})
		if _, err := l.TCPOnce(ctx, lab.TCP{To: lab.ServerHTTPS, Bytes: 10}); err != nil {
			t.Fatal(err)
		}
		mark(t, l, 40002)
		events, err := collect(ctx, c, newOf(40002))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.kind != monitor.KindNew {
				t.Errorf("%v was received", e.kind)
			}
		}
		if len(events) != 2 {
			t.Errorf("%d events, want 2", len(events))
		}
	})
}

// The end of a context ends Next, and leaves the capture as it was.
func TestContextUnblocks(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		l := labtest.New(t)
		c := w.start(t, Config{NetNS: l.Gateway.FD()})
		var b monitor.Batch
		ended := errors.New("ended")
		for range 3 {
			ctx, cancel := context.WithCancelCause(t.Context())
			waiting := time.AfterFunc(10*time.Millisecond, func() { cancel(ended) })
			if err := c.Next(ctx, &b); !errors.Is(err, context.Canceled) {
				t.Fatalf("Next: %v, want %v", err, context.Canceled)
			}
			waiting.Stop()
			if err := c.Next(ctx, &b); !errors.Is(err, context.Canceled) {
				t.Fatalf("Next with an ended context: %v", err)
			}
		}
		mark(t, l, 40003)
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		if _, err := collect(ctx, c, newOf(40003)); err != nil {
			t.Fatal(err)
		}
	})
}

// Close ends Next, from another goroutine and for good.
func TestCloseUnblocks(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		c := w.start(t, Config{})
		end := make(chan error)
		go func() {
			var b monitor.Batch
			var err error
			for err == nil {
				b.Reset()
				err = c.Next(context.Background(), &b)
			}
			end <- err
		}()
		time.AfterFunc(10*time.Millisecond, func() { c.Close() })
		select {
		case err := <-end:
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("Next: %v, want %v", err, os.ErrClosed)
			}
		case <-time.After(deadline):
			t.Fatal("Next did not return")
		}
		if err := c.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		var b monitor.Batch
		if err := c.Next(t.Context(), &b); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Next after Close: %v", err)
		}
		if err := c.Poll(&b); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Poll after Close: %v", err)
		}
	})
}

// Poll does not wait, and gives what Next would.
func TestPoll(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		l := labtest.New(t)
		c := w.start(t, Config{NetNS: l.Gateway.FD()})
		var b monitor.Batch
		if err := c.Poll(&b); err != nil || len(b.Events) != 0 {
			t.Fatal(len(b.Events), err)
		}
		mark(t, l, 40004) // WriteTo returns after the NEW was sent
		if err := c.Poll(&b); err != nil || len(b.Events) != 1 || b.Events[0].Kind != monitor.KindNew {
			t.Fatal(b.Events, err)
		}
		if err := c.Poll(&b); err != nil || len(b.Events) != 1 {
			t.Fatal("the event came twice", err)
		}
	})
}

// Messages of other senders than the kernel. By socket they are rejected and counted.
// By ring they can't be: what can't be decoded is counted, the rest is events. Whatever comes, the stream goes on.
func TestForged(t *testing.T) {
	flow := forgedFlow()
	short := slices.Clone(flow)
	binary.NativeEndian.PutUint32(short, uint32(len(short)-4))
	long := slices.Clone(flow)
	binary.NativeEndian.PutUint32(long, uint32(len(long)+400))
	broken := slices.Clone(flow)
	broken[20] = 0xff // the length of the first attribute
	other := slices.Clone(flow)
	other[5] = 2 // expectations
	forged := [][]byte{short, long, broken, other, {1, 2, 3}, make([]byte, 16), flow}
	eachWay(t, func(t *testing.T, w way) {
		l := labtest.New(t)
		c := w.start(t, Config{NetNS: l.Gateway.FD()})
		for _, msg := range forged {
			forge(t, l.Gateway, msg)
		}
		mark(t, l, 40005)
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		events, err := collect(ctx, c, newOf(40005))
		if err != nil {
			t.Fatal(err)
		}
		want := Stats{Received: 1, Forged: uint64(len(forged))}
		if w.way == Ring {
			want = Stats{Received: 2, Malformed: uint64(len(forged) - 1)}
		}
		s := c.Stats()
		got := Stats{Received: s.Received, Malformed: s.Malformed, Forged: s.Forged, Lost: s.Lost}
		if got != want || uint64(len(events)) != want.Received {
			t.Errorf("stats %+v and %d events, want %+v", got, len(events), want)
		}
	})
}
