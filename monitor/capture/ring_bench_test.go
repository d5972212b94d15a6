//go:build linux

package capture

import (
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/lab/labtest"
)

// BenchmarkRingRead is the reader's part: from a record in the ring to an event
// in a batch. The kernel's part is made with the clock stopped.
func BenchmarkRingRead(b *testing.B) {
	const events, rounds = 1000, 100
	var g *labtest.Generator
	var c *Capture
	var batch monitor.Batch
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		if n%rounds == 0 { // an empty table
			if c != nil {
				c.Close()
				g.Close()
			}
			g, c = benchRing(b)
		}
		if made, err := g.Generate(b.Context(), labtest.GenConfig{Flows: events, Base: n % rounds}); err != nil ||
			made.Flows != events {
			b.Fatal(made, err)
		}
		b.StartTimer()
		for left := events; left > 0; left -= len(batch.Events) { // a batch is bounded
			batch.Reset()
			if err := c.Poll(&batch); err != nil || len(batch.Events) == 0 || len(batch.Events) > left {
				b.Fatal(left, len(batch.Events), err)
			}
		}
	}
	c.Close()
	g.Close()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
}

// benchRing returns a generator of flows and a capture where it makes them.
func benchRing(b *testing.B) (*labtest.Generator, *Capture) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		b.Fatal(err)
	}
	c, err := Open(Config{Way: Ring, NetNS: g.Namespace().FD(), Kinds: filter.Kinds(monitor.KindNew), Ring: 1 << 20})
	if err != nil {
		b.Skip("not the ring:", err)
	}
	return g, c
}

// BenchmarkRingProgram is the kernel's part, a message: copied into the ring, and
// left out by a filter, short and long.
func BenchmarkRingProgram(b *testing.B) {
	msg := append(make([]byte, 14), forgedFlow()...)
	for _, c := range []struct{ name, text string }{
		{"copy", ""},
		{"leave out tcp dport 443", "tcp dport 443"},
		{"leave out snat and host", "snat and host 10.0.0.0/8 and not port 53,80,443"},
		{"wanted and copied", "udp"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var e filter.Expr
			if c.text != "" {
				var err error
				if e, err = filter.Parse(c.text); err != nil {
					b.Fatal(err)
				}
			}
			ring, err := newRingMap(1 << 20)
			if err != nil {
				b.Skip("not the ring:", ringError(err))
			}
			defer ring.Close()
			prog, err := newProgram(ring, e, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer prog.prog.Close()
			mem, err := mapRing(ring.FD(), 1<<20)
			if err != nil {
				b.Fatal(err)
			}
			defer mem.unmap()
			const runs = 1000
			var spent time.Duration
			for b.Loop() {
				_, each, err := prog.prog.Benchmark(msg, runs, nil)
				if err != nil {
					b.Fatal(err)
				}
				spent += each
				mem.consumed(mem.produced())
			}
			if prog.counters.load(counterDrops) > 0 {
				b.Fatal("the ring was full")
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "ns/message")
			b.ReportMetric(0, "ns/op")
		})
	}
}
