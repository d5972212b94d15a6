//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/lab"
)

// A capture with a filter tells what the filter wants. What it leaves out takes no
// room in the queue, and is never lost: here the queue holds a hundredth of all
// that there is.
func TestCaptureWithPush(t *testing.T) {
	g, err := lab.NewGenerator(lab.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	eachWay(t, func(t *testing.T, w way) {
		c := w.start(t, Config{NetNS: g.Namespace().FD(), Push: wanted(t), Buffer: 8192, Ring: 4096})
		if err := WhyNotPushed(c); err != nil {
			t.Fatal(err)
		}
		tellsWanted(t, g, c, 10*int(w.way))
		want := Stats{Received: 10}
		if w.way == Ring {
			want.LeftOut = 990 // a classic program can't count
		}
		if s := c.Stats(); (Stats{Received: s.Received, LeftOut: s.LeftOut, Lost: s.Lost}) != want {
			t.Errorf("stats %+v, want %+v", s, want)
		}
	})
}

// Where the kernel has no room for the program, the reader applies the filter.
func TestCaptureWithPushRefused(t *testing.T) {
	g, err := lab.NewGenerator(lab.GeneratorConfig{Sysctls: map[string]string{"net.core.optmem_max": "1024"}})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("optmem_max is the host's before Linux 6.9:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	prog, err := classicFilter(wanted(t))
	if err != nil {
		t.Fatal(err)
	}
	c := ways[0].start(t, Config{NetNS: g.Namespace().FD(), Push: wanted(t)})
	why := fmt.Sprintf("net.core.optmem_max leaves no room for a program of %d instructions", len(prog))
	if err := WhyNotPushed(c); err == nil || err.Error() != why {
		t.Errorf("not pushed: %v, want %s", err, why)
	}
	tellsWanted(t, g, c, 0)
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

// wanted is a filter that wants 10 of the 1,000 flows of tellsWanted.
func wanted(t *testing.T) filter.Expr {
	t.Helper()
	e, err := filter.Parse("udp dport 1100..1109")
	if err != nil {
		t.Fatal(err)
	}
	return ExplainPush(e, false).Kernel
}

// tellsWanted makes 1,000 flows and fails the test unless the capture tells those
// that are wanted, in their order.
func tellsWanted(t *testing.T, g *lab.Generator, c Capture, base int) {
	t.Helper()
	if made, err := g.Generate(t.Context(), lab.GenConfig{Flows: 1000, Base: base}); err != nil || made.Flows != 1000 {
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
