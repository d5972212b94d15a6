package findings

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"natlens/monitor"
	"natlens/monitor/loop"
)

// TestMillionSources shows the engine a million sources, one of which opens more
// flows than the others, and expects it to be named with no more memory than the
// package says, and nothing else to be found.
func TestMillionSources(t *testing.T) {
	before := heap()
	e := New(Config{Limits: DefaultLimits()})
	now := monitor.Time(1e18)
	e.Tick(now)
	var b monitor.Batch
	one := func(host, n uint32) {
		ev := b.Add()
		ev.Kind = monitor.KindNew
		o := &ev.Flow.Orig
		o.Src = monitor.AddrFrom4([4]byte{10, byte(host >> 16), byte(host >> 8), byte(host)})
		o.Dst = monitor.AddrFrom4([4]byte{203, 0, 113, 9})
		o.SrcPort, o.DstPort, o.Proto, o.Family = uint16(n), 443, monitor.TCP, monitor.IPv4
		if len(b.Events) == monitor.BatchSize {
			e.Observe(&b)
			b.Reset()
		}
	}
	for i := range uint32(1_000_000) {
		one(i, 1)
		if i%100 == 0 {
			one(77, i)
		}
	}
	e.Observe(&b)
	told := e.Tick(now + monitor.Time(11e9))
	if len(told) != 1 || told[0].Rule != "many-flows" || told[0].Subject != "10.0.0.77" {
		t.Fatalf("found %+v", told)
	}
	// Of its 10,001 flows, and of no others, those are certain that came since it
	// was last driven out.
	if n := told[0].Figures[0].Value; n < 9500 || n > 10_001 {
		t.Errorf("%.0f flows", n)
	}
	if used := heap() - before; used > 2<<20 {
		t.Errorf("%d bytes for a million sources", used)
	}
	runtime.KeepAlive(e)
	if n := testing.AllocsPerRun(10, func() { e.Observe(&b) }); n != 0 {
		t.Errorf("Observe allocates %v times", n)
	}
}

// heap is how much memory is in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestSieveAdmits has a crowd of keys that come once pass by: those that come often
// are held, with nearly all of their counts certain, and nothing is made up.
func TestSieveAdmits(t *testing.T) {
	const crowd, often, every = 1_000_000, 10, 2_000
	s := newSieve[struct{}](11)
	name := func(n uint32) key {
		return key{addr: monitor.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})}
	}
	add := func(n uint32) {
		k := name(n)
		s.admit(&k, hashAddr(&k.addr, 0), 1)
	}
	for i := range uint32(crowd) {
		add(often + i)
		if i%(every/often) == 0 {
			add(i / (every / often) % often)
		}
	}
	for i := range s.sets {
		set := &s.sets[i]
		for j := range ways {
			a := set.keys[j].addr
			host := uint32(a[12])<<24 | uint32(a[13])<<16 | uint32(a[14])<<8 | uint32(a[15])
			if certain := set.count[j] - set.over[j]; host >= often && certain > 1 {
				t.Errorf("host %d came once, not %d times", host, certain)
			}
		}
	}
	found := 0
	s.most(crowd/every*9/10, func(k key, n uint64, _ *struct{}) {
		found++
		if n > crowd/every {
			t.Errorf("%s came %d times, not %d", k.addr, crowd/every, n)
		}
	})
	if found != often {
		t.Errorf("%d of %d were found", found, often)
	}
}

// TestSieve holds counts to what they promise: at least what is certain, at most
// what was counted, and no key with more than an eighth of its set is missed.
func TestSieve(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	s := newSieve[struct{}](6)
	truth := map[key]uint64{}
	for range 100_000 {
		k := key{port: uint16(math.Exp(rnd.Float64() * 9))}
		truth[k]++
		s.add(&k)
	}
	sums, seen := make([]uint64, len(s.sets)), map[key]bool{}
	for k, n := range truth {
		sums[k.hash()>>s.shift] += n
	}
	for i := range s.sets {
		set := &s.sets[i]
		for j := range ways {
			n, count, over := truth[set.keys[j]], uint64(set.count[j]), uint64(set.over[j])
			if n > count || n < count-over || over > sums[i]/ways {
				t.Errorf("%+v: %d times, counted %d-%d; %d in its set", set.keys[j], n, count, over, sums[i])
			}
			seen[set.keys[j]] = true
		}
	}
	for k, n := range truth {
		if n > sums[k.hash()>>s.shift]/ways && !seen[k] {
			t.Errorf("%+v is missed, which occurred %d times", k, n)
		}
	}
}

// TestDistinct holds the estimates to three standard errors.
func TestDistinct(t *testing.T) {
	for _, c := range []struct{ n, err float64 }{{10, 0.1}, {500, 0.09}, {2000, 0.12}, {5000, 0.21}} {
		var d distinct
		for i := range int(c.n) {
			a := monitor.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})
			d.add(hashAddr(&a, uint64(i%7)))
			d.add(hashAddr(&a, uint64(i%7)))
		}
		if got := d.estimate(); math.Abs(got-c.n) > c.n*c.err {
			t.Errorf("%.0f: estimated %.0f", c.n, got)
		}
	}
	var c crowd
	for i := range 300_000 {
		a := monitor.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		c.add(hashAddr(&a, 0))
	}
	if got := c.estimate(); math.Abs(got-300_000) > 15_000 {
		t.Errorf("300,000 estimated %.0f", got)
	}
}

// TestTickIsShort expects no tick to look at more than one piece of the table.
func TestTickIsShort(t *testing.T) {
	w := newWorld(t, nil)
	var flows []flow
	for i := range 30_000 {
		flows = append(flows, flow{proto: monitor.UDP, from: "10.0.0.1:" + itoa(1+i%60_000), to: "203.0.113.9:" + itoa(1+i/60_000)})
	}
	w.see(monitor.KindNew, flows...)
	ticks, most, last := 0, uint64(0), uint64(0)
	for w.engine.Stats().Looks == 0 {
		w.now += monitor.Time(loop.TickEvery)
		w.engine.Tick(w.now)
		most, last = max(most, w.engine.look.rows-last), w.engine.look.rows
		ticks++
	}
	if most > 4096 || ticks < 30_000/4096 || w.engine.Stats().Rows != 30_000 {
		t.Errorf("%d ticks, one of %d rows; %+v", ticks, most, w.engine.Stats())
	}
}
