package findings

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// crowded is a gateway whose new flows come at a rate, of 300,000 hosts with one now
// and then, but for three of them:
//
//	10.0.0.77  400 a second to one destination
//	10.0.0.78  150 a second, each to another destination
//	10.0.0.79  150 a second to a hundred destinations
type crowded struct {
	e     *Engine
	now   monitor.Time
	rnd   *rand.Rand
	batch monitor.Batch
	told  []monitor.Finding
}

func (c *crowded) flow(host uint32, to uint16) {
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

func (c *crowded) flush() {
	c.e.Observe(&c.batch)
	c.batch.Reset()
}

// play has the gateway go on for some seconds.
func (c *crowded) play(seconds, rate int) {
	const crowd = 300_000
	for tenth := range 10 * seconds {
		of := make([]uint32, 0, rate/10)
		for range 40 {
			of = append(of, 77)
		}
		for range 15 {
			of = append(of, 78, 79)
		}
		for len(of) < rate/10 {
			of = append(of, 1000+c.rnd.Uint32N(crowd))
		}
		c.rnd.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		for i, host := range of {
			switch host {
			case 78:
				c.flow(host, uint16(tenth*1000+i))
			case 79:
				c.flow(host, uint16(c.rnd.Uint32N(100)))
			default:
				c.flow(host, 9)
			}
		}
		c.flush()
		c.now += monitor.Time(100 * time.Millisecond)
		c.told = append(c.told, c.e.Tick(c.now)...)
	}
}

// TestPace expects at each rate the host that opens many flows and the one that
// opens flows to many destinations, and none else, with figures as right as
// docs/findings.md says; and that no more events are looked at than the limit.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		rate                int
		every               uint32
		flows, destinations float64 // the error, as a share
	}{{8_000, 1, 0.03, 0.08}, {40_000, 8, 0.12, 0.25}, {100_000, 20, 0.2, 0.35}, {300_000, 24, 0.25, 0.4}} {
		g := crowded{e: New(Config{Limits: DefaultLimits()}), now: monitor.Time(1e18), rnd: rand.New(rand.NewPCG(1, 2))}
		g.e.Tick(g.now)
		g.play(1, c.rate) // the pace is found
		g.now += monitor.Time(20e9)
		g.e.Tick(g.now) // a window begins
		g.told = nil
		g.play(10, c.rate)
		if every := g.e.rates.pace.every; every != c.every {
			t.Errorf("%d events a second: one in %d is looked at, want %d", c.rate, every, c.every)
		}
		got := map[string]float64{}
		for _, f := range g.e.Snapshot() {
			for _, figure := range f.Figures {
				got[f.Rule+" "+f.Subject+" "+figure.Name] = figure.Value
			}
		}
		for _, figure := range []struct {
			name        string
			want, error float64
		}{{"many-flows 10.0.0.77 per_second", 400, c.flows}, {"many-destinations 10.0.0.78 destinations", 1500, c.destinations}} {
			if math.Abs(got[figure.name]-figure.want) > figure.error*figure.want {
				t.Errorf("%d events a second: %s is %.0f, want %.0f; told were %+v", c.rate, figure.name, got[figure.name], figure.want, g.told)
			}
		}
		if standing := g.e.Snapshot(); len(standing) != 2 {
			t.Errorf("%d events a second: found %+v", c.rate, standing)
		}
	}
}

// TestPaceIsFair expects that over many events one in so many is looked at, whatever
// sizes the batches have.
func TestPaceIsFair(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, every := range []uint32{2, 3, 20, 24} {
		var w rates
		limits := DefaultLimits()
		w.init(&limits)
		w.pace.every = every
		events := make([]monitor.Event, 700)
		for i := range events {
			events[i].Kind = monitor.KindNew
			events[i].Flow.Orig.Src = monitor.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		}
		const all = 2_000_000
		for left := all; left > 0; {
			n := min(1+rnd.IntN(len(events)), left)
			w.observe(events[:n])
			left -= n
		}
		if got := float64(all) / float64(w.looked); math.Abs(got-float64(every)) > 0.02*float64(every) {
			t.Errorf("one in %.3f is looked at, want %d", got, every)
		}
	}
}

// TestUnseen expects what is known of the whole from a part of it.
func TestUnseen(t *testing.T) {
	for _, c := range []struct {
		name               string
		distinct, n, every float64
		want, error        float64
	}{
		{"all was looked at", 500, 2000, 1, 500, 0},
		{"each came once", 200, 200, 10, 2000, 0},
		{"each came often", 100, 3000, 10, 100, 1e-9},
		{"nothing", 0, 0, 10, 0, 0},
		// D = 1000, n = 1000: 1000(1-1/e) of them are seen, and 1000(1-exp(-8)) are there.
		{"some came again", 1000 * (1 - 1/math.E), 1000, 8, 1000 * (1 - math.Exp(-8)), 0.01},
	} {
		if got := unseen(c.distinct, c.n, c.every); math.Abs(got-c.want) > c.error {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestBusyLooks expects every tick to make a step of a look, and every fourth one
// while very many events come.
func TestBusyLooks(t *testing.T) {
	e := New(Config{Limits: DefaultLimits()})
	var got []bool
	for i := range 12 {
		e.rates.pace.every = 1
		if i >= 4 {
			e.rates.pace.every = 12
		}
		got = append(got, e.passes())
	}
	if want := []bool{false, false, false, false, true, true, true, false, true, true, true, false}; !slices.Equal(got, want) {
		t.Errorf("passed over: %v", got)
	}
}

// TestSurely expects two standard errors off an estimate, and nothing off what was
// counted.
func TestSurely(t *testing.T) {
	for _, c := range [][3]float64{{2000, 1, 2000}, {2500, 5, 2300}, {3, 12, 0}, {0, 1, 0}} {
		if got := surely(c[0], c[1]); got != c[2] {
			t.Errorf("of %.0f by one in %.0f: %v, want %v", c[0], c[1], got, c[2])
		}
	}
}

// TestAdmitWeighs expects a key that stands for several occurrences to be taken up
// as if each had come.
func TestAdmitWeighs(t *testing.T) {
	const tries, full, n = 200_000, 99, 12
	taken := 0
	var s *sieve[struct{}]
	for i := range uint32(tries) {
		if s == nil {
			s = newSieve[struct{}](4)
			for set := range s.sets {
				for way := range ways {
					s.sets[set].count[way] = full
				}
			}
			s.chance = random(i)*0x9e3779b97f4a7c15 + 1
		}
		k := key{port: uint16(i)}
		if s.admit(&k, uint64(i)<<40, n) != nil {
			taken++
			s = nil
		}
	}
	if got, want := float64(taken)/tries, 1/float64(full/n+1); math.Abs(got-want) > 0.01 {
		t.Errorf("taken up with the chance %.3f, want %.3f", got, want)
	}
}

// TestRacesGoByWhatIsCertain expects one query that is looked at and stands for 24 to
// make no finding of entries that could not be inserted for another reason, and
// enough of them to make one.
func TestRacesGoByWhatIsCertain(t *testing.T) {
	for _, c := range []struct {
		looked int // queries that are looked at
		text   string
	}{
		{1, ""}, // nobody knows whether there were more
		{9, "5 entries could not be inserted (insert_failed) while about 216 new UDP flows asked 203.0.113.53"},
	} {
		var counters Counters
		e := New(Config{Limits: DefaultLimits(), Counters: func() (map[monitor.NetNS]Counters, error) { return map[monitor.NetNS]Counters{0: counters}, nil }})
		now := monitor.Time(1e18)
		e.Tick(now)
		e.rates.pace.every = mostEvery
		var b monitor.Batch
		for range c.looked {
			b.Reset()
			ev := b.Add()
			ev.Kind = monitor.KindNew
			o := &ev.Flow.Orig
			o.Src, o.Dst = monitor.AddrFrom4([4]byte{10, 0, 0, 7}), monitor.AddrFrom4([4]byte{203, 0, 113, 53})
			o.DstPort, o.Proto, o.Family = 53, monitor.UDP, monitor.IPv4
			e.rates.pace.skip = 0
			e.Observe(&b)
		}
		counters.InsertFailed = 5
		told := e.Tick(now + monitor.Time(11e9))
		var got string
		for _, f := range told {
			got += f.Text
		}
		if got != c.text {
			t.Errorf("%d queries looked at: told %q, want %q", c.looked, got, c.text)
		}
	}
}

// TestClockPutBack has the clock put back by an hour: rates and looks go on at once,
// and what came meanwhile is not taken for what came within one window.
func TestClockPutBack(t *testing.T) {
	g := crowded{e: New(Config{Table: table.New(table.Config{}), Limits: DefaultLimits()}), now: monitor.Time(1e18), rnd: rand.New(rand.NewPCG(1, 2))}
	g.e.Tick(g.now)
	g.play(1, 20_000)
	g.now -= monitor.Time(time.Hour)
	looks := g.e.Stats().Looks
	g.play(12, 20_000)
	if every := g.e.rates.pace.every; every != 4 {
		t.Errorf("one event in %d is looked at, want 4", every)
	}
	if n := g.e.Stats().Looks - looks; n < 10 {
		t.Errorf("%d looks in 12 seconds", n)
	}
	var found []string
	for _, f := range g.told {
		found = append(found, f.Rule+" "+f.Subject)
	}
	slices.Sort(found)
	if want := []string{"many-destinations 10.0.0.78", "many-flows 10.0.0.77"}; !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}
