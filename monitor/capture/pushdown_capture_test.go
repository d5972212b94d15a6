//go:build linux

package capture

import (
	"context"
	"os/exec"
	"slices"
	"testing"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

// A capture with a filter returns what the filter wants. What it leaves out does not
// fill the queue, and is never lost: here the queue holds a hundredth of all events.
func TestCaptureWithPush(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	needRing(t) // what allows the ring allows the socket's program
	eachWay(t, func(t *testing.T, w way) {
		c := w.start(t, Config{NetNS: g.Namespace().FD(), Push: wanted(t), Buffer: 8192, Ring: 4096})
		if err := c.WhyNotPushed(); err != nil {
			t.Fatal(err)
		}
		returnsWanted(t, g, c, 10*int(w.way))
		want := Stats{Received: 10, LeftOut: 990}
		if s := c.Stats(); (Stats{Received: s.Received, LeftOut: s.LeftOut, Lost: s.Lost}) != want {
			t.Errorf("stats %+v, want %+v", s, want)
		}
	})
}

// What is lost is counted of what is wanted alone, exactly.
func TestLossWithPush(t *testing.T) {
	const flows, share = 4000, 400
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	e, err := filter.Parse("dport 1000..1399")
	if err != nil {
		t.Fatal(err)
	}
	needRing(t)
	eachWay(t, func(t *testing.T, w way) {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		c := w.start(t, Config{NetNS: g.Namespace().FD(), Push: ExplainPush(e, false).Kernel, Buffer: 8192, Ring: 4096})
		if made, err := g.Generate(ctx, labtest.GenConfig{Flows: flows, Base: 10 * int(w.way)}); err != nil ||
			made.Flows != flows {
			t.Fatal(made, err)
		}
		events, err := collect(ctx, c, upTo(share))
		if err != nil {
			t.Fatal(err)
		}
		s := c.Stats()
		if seenIn(events) != share || s.Received+s.Lost != share || s.Lost == 0 || s.Gaps != 1 {
			t.Errorf("%d received or lost, stats %+v: want %d in one gap", seenIn(events), s, share)
		}
	})
}

// Captures of all network namespaces have the filter in each.
func TestEveryWithPush(t *testing.T) {
	needRing(t)
	eachWay(t, func(t *testing.T, w way) {
		g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		seen := exec.Command("sleep", "600") // by whose process the namespace is found
		if err := g.Namespace().Do(seen.Start); err != nil {
			t.Fatal(err)
		}
		defer func() { seen.Process.Kill(); seen.Wait() }()
		inode := inodeOf(t, g.Namespace().FD())
		c, err := Open(Config{
			Way: w.way, Push: wanted(t),
			All: &All{Wanted: func(f netns.Found) bool { return f.Inode == inode }},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.WhyNotPushed(); err != nil || len(c.IDs()) != 1 {
			t.Fatalf("%d namespaces, not pushed: %v", len(c.IDs()), err)
		}
		returnsWanted(t, g, c, 0)
		id, all := c.IDs()[0], c.Stats().Received
		if of, other := c.Received(id), c.Received(id+1); of != all || other != 0 {
			t.Errorf("%d messages of the namespace and %d of another, want %d and 0", of, other, all)
		}
	})
}

// If the kernel does not take the filter, the reader applies it.
func TestCaptureWithPushRefused(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	// A kind of condition that runs in no program.
	e, err := filter.Parse("udp dport 1100..1109 and (mark 0 or mark 1)")
	if err != nil {
		t.Fatal(err)
	}
	c := ways[0].start(t, Config{NetNS: g.Namespace().FD(), Push: e})
	if c.WhyNotPushed() == nil {
		t.Error("pushed")
	}
	returnsWanted(t, g, c, 0)
	var b monitor.Batch
	for s := c.Stats(); s.Received+s.LeftOut < 1000; s = c.Stats() {
		b.Reset()
		if err := c.Poll(&b); err != nil || len(b.Events) > 0 {
			t.Fatal(len(b.Events), err)
		}
	}
	if s := c.Stats(); s.Received != 10 || s.LeftOut != 990 || s.Lost != 0 {
		t.Errorf("stats %+v, want 10 received and 990 left out", s)
	}
}

// wanted is a filter that wants 10 of the 1,000 flows of returnsWanted.
func wanted(t *testing.T) filter.Expr {
	t.Helper()
	e, err := filter.Parse("udp dport 1100..1109")
	if err != nil {
		t.Fatal(err)
	}
	return ExplainPush(e, false).Kernel
}

// returnsWanted makes 1,000 flows and fails the test unless the capture returns those
// that are wanted, in their order.
func returnsWanted(t *testing.T, g *labtest.Generator, c *Capture, base int) {
	t.Helper()
	if made, err := g.Generate(t.Context(), labtest.GenConfig{Flows: 1000, Base: base}); err != nil || made.Flows != 1000 {
		t.Fatal(made, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	var ports []uint16
	var b monitor.Batch
	for len(ports) < 10 {
		b.Reset()
		if err := c.Next(ctx, &b); err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Events {
			ports = append(ports, e.Flow.Orig.DstPort)
		}
	}
	want := []uint16{1100, 1101, 1102, 1103, 1104, 1105, 1106, 1107, 1108, 1109}
	if !slices.Equal(ports, want) {
		t.Errorf("ports %v, want %v", ports, want)
	}
}
