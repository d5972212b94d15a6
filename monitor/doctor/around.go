package doctor

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"natlens/monitor"
)

// Service is where flows lead: a protocol, an address, and a port if the protocol
// has ports. It is of the original tuple.
type Service struct {
	Dst   monitor.Addr
	Port  uint16
	Proto monitor.Proto
}

// serviceOf is where a flow leads.
func serviceOf(f *monitor.Flow) Service {
	s := Service{Dst: f.Orig.Dst, Proto: f.Orig.Proto}
	if s.Proto.HasPorts() {
		s.Port = f.Orig.DstPort
	}
	return s
}

// String writes it for people.
func (s Service) String() string {
	if s.Proto.HasPorts() {
		return fmt.Sprintf("%s to %s port %d", s.Proto, s.Dst, s.Port)
	}
	return fmt.Sprintf("%s to %s", s.Proto, s.Dst)
}

// Filter selects its flows.
func (s Service) Filter() string {
	text := s.Proto.Name()
	if text == "" {
		text = fmt.Sprintf("proto %d", uint8(s.Proto))
	}
	text += " dst " + s.Dst.String()
	if s.Proto.HasPorts() {
		text += fmt.Sprintf(" dport %d", s.Port)
	}
	return text
}

// aroundSize is how many flows an [Around] keeps of a stretch of time. With 1,000
// picked by chance, a share of a half is right to 1.6 % (one standard error).
const aroundSize = 1000

// Around tells which flows were seen around the moments at which the kernel's
// counters moved: it is given the events and, now and then, the counters, and what
// was seen between two readings is about those that moved in between. Of many flows
// it keeps some that are picked by chance (reservoir sampling, algorithm L: Li 1994),
// so that an event costs next to nothing and memory is bounded. The zero value is
// ready for use, by several goroutines.
type Around struct {
	mu           sync.Mutex
	begun, moved reservoir
	last         map[string]uint64
}

// Write takes events: it is a tap of a Monitor.
func (a *Around) Write(b *monitor.Batch) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range b.Events {
		e := &b.Events[i]
		if !e.Kind.HasFlow() || e.Kind == monitor.KindExisting || e.Inferred {
			continue
		}
		if e.Kind == monitor.KindNew {
			a.begun.add(e)
		}
		a.moved.add(e)
	}
	return nil
}

// Close does nothing.
func (a *Around) Close() error { return nil }

// Read takes the kernel's counters, by conntrack(8)'s words, and returns what was
// seen since the last reading, for each counter that has moved since then. The first
// reading tells nothing.
func (a *Around) Read(counters map[string]uint64) map[string]*Seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all map[string]*Seen
	var begun, moved *Seen
	for _, m := range meanings {
		now, ok := counters[m.word]
		before, had := a.last[m.word]
		if !ok || !had || now == before {
			continue
		}
		if all == nil {
			all = make(map[string]*Seen)
			begun, moved = a.begun.seen(), a.moved.seen()
		}
		if all[m.word] = begun; m.any {
			all[m.word] = moved
		}
	}
	a.last = counters
	a.begun.reset()
	a.moved.reset()
	return all
}

// Seen are the flows that were seen while a counter moved.
type Seen struct {
	Flows uint64 // that began; where a counter is of packets of any flow, the events of all
	to    Top[Service]
}

// Add takes another stretch of time to it.
func (s *Seen) Add(more *Seen) {
	s.Flows += more.Flows
	for i := range more.to.slots {
		one := &more.to.slots[i]
		s.to.add(one.key, one.n)
	}
}

// leastTold is the share in percent below which no place stands out.
const leastTold = 10

// Most is where most of them lead, and how many of 100 do. It is false if there was
// none, or no place that stands out.
func (s *Seen) Most() (to Service, percent float64, ok bool) {
	if s == nil || s.Flows == 0 {
		return to, 0, false
	}
	most := s.to.Most(1, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(string(a.Dst[:]), string(b.Dst[:])), cmp.Compare(a.Port, b.Port))
	})
	percent = min(share(most[0].N, s.Flows), 100)
	return most[0].Key, percent, percent >= leastTold
}

// reservoir keeps up to aroundSize of many services, each with the same chance.
type reservoir struct {
	kept []Service
	n    uint64  // of which they are
	skip uint64  // passed over before the next one is kept
	w    float64 // what the skips go by
}

func (r *reservoir) add(e *monitor.Event) {
	r.n++
	switch {
	case len(r.kept) < aroundSize:
		if r.kept = append(r.kept, serviceOf(&e.Flow)); len(r.kept) == aroundSize {
			r.w = 1
			r.jump()
		}
	case r.skip > 0:
		r.skip--
	default:
		r.kept[rand.IntN(aroundSize)] = serviceOf(&e.Flow)
		r.jump()
	}
}

// jump draws how many are passed over.
func (r *reservoir) jump() {
	r.w *= math.Exp(math.Log(1-rand.Float64()) / aroundSize)
	r.skip = uint64(min(math.Log(1-rand.Float64())/math.Log1p(-r.w), math.MaxInt64/2))
}

func (r *reservoir) reset() { r.kept, r.n, r.skip = r.kept[:0], 0, 0 }

// seen counts what was kept; each stands for as many as were passed over.
func (r *reservoir) seen() *Seen {
	s := &Seen{Flows: r.n}
	var counts Top[Service]
	for i := range r.kept {
		counts.Add(r.kept[i])
	}
	for _, one := range counts.slots {
		s.to.add(one.key, one.n*r.n/uint64(len(r.kept)))
	}
	return s
}
