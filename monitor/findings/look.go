package findings

import (
	"time"

	"natlens/monitor"
)

// chunksATick is how many pieces of the table a tick looks at: 8,192 rows, which
// take less than a millisecond.
const chunksATick = 2

// lookEvery is the least time between the beginnings of two looks. With a large
// table a look takes longer than that by itself: 12 s for a million rows.
const lookEvery = time.Second

// look is a scan of the table in steps, which counts groups of flows.
type look struct {
	running bool
	chunk   int
	began   monitor.Time
	now     monitor.Time // of this step
	limits  *Limits
	rows    uint64
	took    time.Duration
	each    func(uint32, *monitor.Row) // row, made once

	syn      *sieve[gathered] // unanswered SYNs by destination
	synHosts *sieve[hostGathered]
}

// ref names a row without saying whose it is.
type ref struct {
	row uint32
	gen uint64
}

// gathered is what is kept of a group of flows.
type gathered struct {
	old      uint32 // of age
	examples [maxExamples]ref
	n        uint8 // examples
}

// maxExamples is how many flows of a group a finding shows.
const maxExamples = 4

// add takes a flow into the group.
func (g *gathered) add(row uint32, r *monitor.Row, old bool) {
	if old {
		g.old++
	}
	if int(g.n) < len(g.examples) {
		g.examples[g.n] = ref{row, r.Gen}
		g.n++
	}
}

// init makes what the look counts in: some hundred KiB, and no more later.
func (l *look) init() {
	l.each = l.row
	l.syn = newSieve[gathered](9)
	l.synHosts = newSieve[hostGathered](9)
}

// step looks at some more rows. It returns true when the look is done.
func (l *look) step(t *monitor.Table, now monitor.Time, limits *Limits) bool {
	if !l.running {
		if now < l.began+monitor.Time(lookEvery) {
			return false
		}
		l.reset()
		l.running, l.began, l.chunk, l.rows, l.took = true, now, 0, 0, 0
	}
	l.now, l.limits = now, limits
	start := time.Now()
	defer func() { l.took += time.Since(start) }()
	for range chunksATick {
		if !t.ScanChunk(l.chunk, l.each) {
			l.running = false
			return true
		}
		l.chunk++
	}
	return false
}

func (l *look) reset() {
	l.syn.reset()
	l.synHosts.reset()
}

// row takes a row of the table into the groups that it belongs to.
func (l *look) row(i uint32, r *monitor.Row) {
	if r.Ended() {
		return
	}
	l.rows++
	f := &r.Flow
	if f.Orig.Proto == monitor.TCP && r.Known&monitor.AttrState != 0 {
		l.tcp(i, r)
	}
}

func (l *look) tcp(i uint32, r *monitor.Row) {
	f := &r.Flow
	answered := f.Status.Has(monitor.SeenReply)
	if f.State == monitor.TCPSynSent && !answered {
		l.unanswered(i, r)
	}
}

// older reports whether the flow is at least as old as the limit says. Where its
// birth was not seen, it counts from when it was first heard of.
func (l *look) older(r *monitor.Row, by limit) bool {
	born := r.Born()
	if born == 0 {
		born = r.First
	}
	return float64(l.now-born) >= l.limits[by]*float64(time.Second)
}

// judgeLook draws the conclusions of a look.
func (e *Engine) judgeLook(now monitor.Time) {
	e.judge(ruleSyn, e.unansweredDestinations(), now)
	e.judge(ruleSynHost, e.unansweredHosts(), now)
	e.mu.Lock()
	e.stats.Looks++
	e.stats.Rows, e.stats.Took = e.look.rows, e.look.took
	e.mu.Unlock()
	e.publish()
}
