package filter

import (
	"testing"

	"natlens/monitor"
)

var benchTexts = []string{
	"tcp dport 443",
	"snat",
	"host 203.0.113.9",
	"src 10.0.0.0/8 and dport {22,80,443,8000..8999}",
	"mark & 0xff == 0x10 and established",
	"not dst 10.0.0.0/8 or state syn_sent",
}

func BenchmarkMatch(b *testing.B) {
	ev := &samples[1].Event
	for _, text := range benchTexts {
		e, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		keep := Compile(e, Env{})
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = keep(ev)
			}
		})
	}
}

var sink bool

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		e, err := Parse(benchTexts[3])
		if err != nil {
			b.Fatal(err)
		}
		Compile(e, Env{})
	}
}

// No filter allocates while it runs: every text that the match test knows, on
// every sample.
func TestNoAllocations(t *testing.T) {
	var filters []monitor.Filter
	for _, c := range matches {
		if e, err := Parse(c.text); err == nil {
			filters = append(filters, Compile(e, Env{}))
		}
	}
	n := testing.AllocsPerRun(10, func() {
		for _, f := range filters {
			for i := range samples {
				sink = f(&samples[i].Event)
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
