package findings

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// TestTally counts keys exactly up to the bound, and no others.
func TestTally(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	tl := tally[int, int]{max: 100}
	for range 2 { // the second time in the memory of the first
		counts := map[int]uint64{}
		for range 10_000 {
			k := rnd.IntN(200)
			if _, ok := counts[k]; ok || len(counts) < 100 {
				counts[k]++
			}
			if e := tl.add(k); e != nil {
				e.value += k
			}
		}
		if len(tl.all) != 100 {
			t.Errorf("%d keys, want 100", len(tl.all))
		}
		for _, e := range tl.all {
			if e.n != counts[e.key] || e.value != int(e.n)*e.key {
				t.Errorf("%d: counted %d of %d, value %d", e.key, e.n, counts[e.key], e.value)
			}
		}
		tl.reset()
		if len(tl.index) != 0 || len(tl.all) != 0 {
			t.Error("reset leaves a key")
		}
	}
}

// manyHosts is an engine that sees new flows of many inside hosts.
type manyHosts struct {
	e       *Engine
	now     monitor.Time
	batch   monitor.Batch
	changed []monitor.Finding
}

func newManyHosts() *manyHosts {
	c := &manyHosts{e: New(Config{Table: table.New(table.Config{}), Thresholds: DefaultThresholds()}), now: monitor.Time(1e18)}
	c.e.Tick(c.now)
	return c
}

func (c *manyHosts) flow(host uint32, to uint16) {
	ev := c.batch.Add()
	ev.Kind = monitor.KindNew
	o := &ev.Flow.Orig
	o.Src = monitor.AddrFrom4([4]byte{10, byte(host >> 16), byte(host >> 8), byte(host)})
	o.Dst = monitor.AddrFrom4([4]byte{203, 0, byte(to >> 8), byte(to)})
	o.DstPort, o.Proto, o.Family = 443, monitor.TCP, monitor.IPv4
	if len(c.batch.Events) == monitor.BatchSize {
		c.flush()
	}
}

func (c *manyHosts) flush() {
	c.e.Observe(&c.batch)
	c.batch.Reset()
}

func (c *manyHosts) pass(d time.Duration) {
	c.flush()
	c.now += monitor.Time(d)
	c.changed = append(c.changed, c.e.Tick(c.now)...)
}

// figure returns a figure of a finding that has appeared, or -1.
func (c *manyHosts) figure(rule, subject, name string) float64 {
	for _, f := range c.e.Snapshot() {
		for _, figure := range f.Figures {
			if f.Rule == rule && f.Subject == subject && figure.Name == name {
				return figure.Value
			}
		}
	}
	return -1
}

// TestMillionSources has a million hosts open a flow each, and one of them many more: its
// flows are counted exactly, and memory is bounded.
func TestMillionSources(t *testing.T) {
	before := heap()
	c := newManyHosts()
	for i := range uint32(1_000_000) {
		c.flow(1000+i, 9)
		if i%100 == 0 {
			c.flow(77, 9)
		}
	}
	c.pass(11 * time.Second)
	if len(c.changed) != 1 || c.changed[0].Rule != "many-flows" || c.changed[0].Subject != "10.0.0.77" {
		t.Fatalf("found %+v", c.changed)
	}
	if n := c.figure("many-flows", "10.0.0.77", "flows"); n != 10_000 {
		t.Errorf("%.0f flows", n)
	}
	c.pass(time.Second)
	if used := heap() - before; used > 5<<20 { // the heap also has what the test runner keeps
		t.Errorf("%d bytes for a million sources", used)
	}
	for range 2 { // in the memory of the windows before
		for i := range uint32(monitor.BatchSize - 1) {
			c.flow(i, uint16(i))
		}
		if n := testing.AllocsPerRun(10, func() { c.e.Observe(&c.batch) }); n != 0 {
			t.Errorf("Observe allocates %v times", n)
		}
		c.batch.Reset()
		c.pass(11 * time.Second)
	}
}

// heap is how much memory is in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestManyDestinations counts distinct destinations exactly, also past those that are
// beside the host.
func TestManyDestinations(t *testing.T) {
	for _, c := range []struct {
		destinations int
		found        bool
	}{{499, false}, {500, true}, {5000, true}, {20_000, true}} {
		g := newManyHosts()
		for range 3 { // each destination three times
			for to := range c.destinations {
				g.flow(78, uint16(to))
				g.flow(79, uint16(to%100))
			}
		}
		g.pass(11 * time.Second)
		want := -1.0
		if c.found {
			want = float64(min(c.destinations, maxDestinations))
		}
		if got := g.figure("many-destinations", "10.0.0.78", "destinations"); got != want {
			t.Errorf("%d: found %.0f", c.destinations, got)
		}
		if got := g.figure("many-destinations", "10.0.0.79", "destinations"); got != -1 {
			t.Errorf("a hundred: found %.0f", got)
		}
	}
}

// TestCrowd has new flows come at up to 300,000 a second, most of 300,000 hosts with one
// now and then. The host that opens many flows and the one that opens flows to many
// destinations are found with exact figures, and nothing else:
//
//	10.0.0.77  400 a second to one destination
//	10.0.0.78  150 a second, each to another destination
//	10.0.0.79  150 a second to a hundred destinations
func TestCrowd(t *testing.T) {
	for _, rate := range []int{8_000, 100_000, 300_000} {
		g, rnd := newManyHosts(), rand.New(rand.NewPCG(1, 2))
		to := 0
		for range 100 {
			of := slices.Concat(slices.Repeat([]uint32{77}, 40), slices.Repeat([]uint32{78, 79}, 15))
			for len(of) < rate/10 {
				of = append(of, 1000+rnd.Uint32N(300_000))
			}
			// In the first tenth of a second no host is left out.
			if to > 0 {
				rnd.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
			}
			for _, host := range of {
				switch host {
				case 78:
					to++
					g.flow(host, uint16(to))
				case 79:
					g.flow(host, uint16(rnd.Uint32N(100)))
				default:
					g.flow(host, 9)
				}
			}
			g.pass(100 * time.Millisecond)
		}
		if got := g.figure("many-flows", "10.0.0.77", "per_second"); got != 400 {
			t.Errorf("%d events a second: %.0f flows a second", rate, got)
		}
		if got := g.figure("many-destinations", "10.0.0.78", "destinations"); got != 1500 {
			t.Errorf("%d events a second: %.0f destinations", rate, got)
		}
		if active := g.e.Snapshot(); len(active) != 2 {
			t.Errorf("%d events a second: found %+v", rate, active)
		}
	}
}

// TestClockSetBack sets the clock back by an hour: windows and scans go on at once.
func TestClockSetBack(t *testing.T) {
	g := newManyHosts()
	g.pass(time.Second)
	g.now -= monitor.Time(time.Hour)
	g.pass(0)
	scans := g.e.scan.number
	for range 120 {
		for range 40 {
			g.flow(77, 9)
		}
		g.pass(100 * time.Millisecond)
	}
	if n := g.e.scan.number - scans; n < 10 {
		t.Errorf("%d scans in 12 seconds", n)
	}
	if got := g.figure("many-flows", "10.0.0.77", "per_second"); got != 400 {
		t.Errorf("%.0f flows a second", got)
	}
}

// TestTickIsShort expects no tick to scan more than one piece of the table.
func TestTickIsShort(t *testing.T) {
	w := newWorld(t, nil)
	var flows []flow
	for i := range 30_000 {
		flows = append(flows, flow{proto: monitor.UDP, from: "10.0.0.1:" + itoa(1+i%60_000), to: "203.0.113.9:" + itoa(1+i/60_000)})
	}
	w.see(monitor.KindNew, flows...)
	ticks, most, last := 0, uint64(0), uint64(0)
	for ticks == 0 || w.engine.scan.running {
		w.now += monitor.Time(loop.TickEvery)
		w.engine.Tick(w.now)
		most, last = max(most, w.engine.scan.rows-last), w.engine.scan.rows
		ticks++
	}
	if most > 4096 || ticks < 30_000/4096 || w.engine.scan.rows != 30_000 {
		t.Errorf("%d ticks, one of %d rows, %d in all", ticks, most, w.engine.scan.rows)
	}
}
