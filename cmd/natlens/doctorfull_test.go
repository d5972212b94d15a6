//go:build linux

package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"natlens/monitor/kernel"
	"natlens/monitor/lab"
)

// mostFilled is how large a table the test fills at the most: a flow takes about
// 300 bytes of the kernel's memory.
const mostFilled = 1_000_000

// TestDoctorFull fills a table with flows that nobody answers, past 80 % and 95 %,
// and over, and expects doctor to say so, what could be reclaimed, and whom the
// kernel throws out; and nothing of it when the flows are gone.
func TestDoctorFull(t *testing.T) {
	// Who has raised the limit for a benchmark is waited for.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if restore, err := lab.RaiseMax(ctx, 1); err == nil {
		defer restore()
	}
	most := hostMax(t)
	if most > mostFilled {
		lab.Lack(t, "table small enough to be filled")
	}
	g, err := lab.NewGenerator(lab.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	diagnose := func() *diagnosis { return doctorIn(t, nil, "--netns", g.Namespace().Path()) }
	base := 0
	fill := func(flows int) {
		base++
		if _, err := g.Generate(t.Context(), lab.GenConfig{Flows: flows, Base: base}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(d *diagnosis, id, level, text string) {
		t.Helper()
		if c := d.check(t, id); c.Level != level || !strings.Contains(c.Text, text) {
			t.Errorf("%+v", c)
		}
	}

	fill(most * 85 / 100)
	d := diagnose()
	expect(d, "table", "warn", " % full")
	expect(d, "reclaim", "warn", "100 % of the flows could go: ")
	fill(most * 12 / 100)
	expect(diagnose(), "table", "fail", " % full: when it is full, flows without a reply are thrown out, and then new connections are dropped")

	t.Run("over", func(t *testing.T) {
		busy(t, func(ctx context.Context) {
			base++
			_, _ = g.Generate(ctx, lab.GenConfig{Flows: most / 10, Rate: 20_000, Base: base})
		})
		waitFor(t, "a full table", func() bool { return earlyDrops(t, g) > 0 })
		expect(diagnose(), "counter.early_drop", "fail", ": flows without a reply are thrown out to make room in a full table")
	})

	s, err := kernel.OpenService(g.Namespace().FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	d = diagnose()
	for _, id := range []string{"table", "reclaim", "counter.early_drop", "counter.drop"} {
		expect(d, id, "ok", "")
	}
}

// earlyDrops is how many flows the kernel has thrown out.
func earlyDrops(t *testing.T, g *lab.Generator) (n uint64) {
	t.Helper()
	s, err := watchStats(g.Namespace().FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	_, total, err := s.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return total["early_drop"]
}
