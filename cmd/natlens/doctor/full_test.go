//go:build linux

package doctor

import (
	"context"
	"errors"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/kernel"
	"natlens/monitor/lab/labtest"
)

// mostFilled is how large a table the test fills at the most: a flow takes about
// 300 bytes of the kernel's memory.
const mostFilled = 300_000

// TestFull fills a table with flows that nobody answers, past 80 % and 95 %,
// and over, and expects doctor to say so, what could be reclaimed, whom the kernel
// throws out, and that it drops packets where it can't throw out any; and nothing
// of it when the flows are gone.
func TestFull(t *testing.T) {
	// Who has raised the limit for a benchmark is waited for.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if held, err := labtest.HoldMax(ctx, func(old int) int { return min(old, mostFilled) }); err == nil {
		defer held.Close()
	}
	most := hostMax(t)
	if most > mostFilled {
		labtest.Lack(t, "table small enough to be filled, and it can't be made smaller here")
	}
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	diagnose := func() *diagnosis { return diagnose(t, g.Namespace()) }
	base := 0
	fill := func(flows int) {
		base++
		if _, err := g.Generate(t.Context(), labtest.GenConfig{Flows: flows, Base: base}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(d *diagnosis, id, level string) {
		t.Helper()
		if c := d.Check(t, id); c.Level != level {
			t.Errorf("%+v", c)
		}
	}

	fill(most * 85 / 100)
	d := diagnose()
	expect(d, "table", "warn")
	expect(d, "reclaim", "warn")
	if c := d.Check(t, "reclaim"); c.Evidence["unreplied"] != c.Evidence["flows"] {
		t.Errorf("%+v", c)
	}
	fill(most * 12 / 100)
	expect(diagnose(), "table", "fail")

	over := func(counter string) {
		t.Run(counter, func(t *testing.T) {
			before := counterOf(t, g, counter)
			labtest.Busy(t, func(ctx context.Context) {
				base++
				_, _ = g.Generate(ctx, labtest.GenConfig{Flows: most / 10, Rate: 20_000, Base: base})
			})
			labtest.WaitFor(t, counter, func() bool { return counterOf(t, g, counter) > before })
			expect(diagnose(), "counter."+counter, "fail")
		})
	}
	over("early_drop")
	s, err := kernel.OpenService(g.Namespace().FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	assure(t, g, s)
	over("drop")

	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	d = diagnose()
	for _, id := range []string{"table", "reclaim", "counter.early_drop", "counter.drop"} {
		expect(d, id, "ok")
	}
}

// assure makes all flows such as the kernel does not throw out.
func assure(t *testing.T, g *labtest.Generator, s *kernel.Service) {
	t.Helper()
	d, err := kernel.Dump(t.Context(), g.Namespace().FD())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	assured, long := monitor.SeenReply|monitor.Assured, uint32(600)
	err = monitor.Each(t.Context(), d, func(e *monitor.Event) {
		err := s.Update(t.Context(), &e.Flow, &kernel.Change{Status: &assured, Timeout: &long})
		if err != nil && !errors.Is(err, kernel.ErrNoFlow) {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// counterOf is a counter of the generator's namespace.
func counterOf(t *testing.T, g *labtest.Generator, word string) uint64 {
	t.Helper()
	r, err := new(probe.Meter).Read(t.Context(), g.Namespace().FD())
	if err != nil {
		t.Fatal(err)
	}
	return r.Counters[word]
}
