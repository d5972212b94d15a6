package findings

import (
	"math"
	"time"

	"natlens/monitor"
)

// pace decides which events are looked at, so that what rates cost does not grow
// with the events: up to twice [lookedAt] a second all of them, and of more one in so
// many, picked by chance and counted for those that are passed over.
//
// Then a count is an estimate: of n flows with one in k looked at, the standard
// error is √((k-1)·n). At 100,000 events a second (k = 20) that is 10 % of 2,000 flows,
// the limit of many-flows within its window.
type pace struct {
	every uint32 // one in so many is looked at
	skip  uint64 // events to be passed over
	seen  uint64 // events since it was set
	set   monitor.Time
	dice  random
}

const (
	lookedAt  = 5_000 // events a second, at the least, where not all are
	mostEvery = 24
	paceEvery = monitor.Time(50e6)
)

// keep sets the pace by the events that came since the last time.
func (p *pace) keep(now monitor.Time) {
	if p.set == 0 || now < p.set { // or the clock was put back
		p.set, p.seen = now, 0
		return
	}
	took := now - p.set
	if took < paceEvery {
		return
	}
	rate := float64(p.seen) * float64(time.Second) / float64(took)
	p.every = uint32(min(max(rate/lookedAt, 1), mostEvery))
	p.set, p.seen = now, 0
}

// busy reports whether there are so many events that looks at the table take their
// time.
func (p *pace) busy() bool { return p.every > 8 }

// next returns how many events are passed over before the next one is looked at.
func (p *pace) next() uint64 {
	if p.every <= 1 {
		return 0
	}
	return p.dice.below(2*uint64(p.every) - 1) // every-1 on average
}

// surely returns what a count that was estimated is at least: two standard
// errors below. every is how many occurrences each one that was looked at stands
// for.
func surely(n, every float64) float64 { return max(n-2*math.Sqrt(max(every-1, 0)*n), 0) }

// unseen returns how many distinct things there are among all, where n of them were
// looked at, each in the place of every, and d distinct ones found: it takes all
// to be equally frequent. Where some are much more frequent it tells too little.
func unseen(d, n, every float64) float64 {
	if every <= 1 || n <= 0 || d <= 0 {
		return d
	}
	if d >= n {
		return n * every // nothing came twice
	}
	// d = D·(1-exp(-n/D)); with x = n/D: d/n = (1-exp(-x))/x, which falls with x.
	low, high := 0.0, n/d // at x = n/d the right side is below d/n
	for range 40 {
		if x := (low + high) / 2; -math.Expm1(-x)/x > d/n {
			low = x
		} else {
			high = x
		}
	}
	return n / high * -math.Expm1(-every*high)
}
