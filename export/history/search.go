package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"natlens/monitor"
)

// search answers from the segments that can matter.
//
// The segments of a class are searched by a few goroutines at once, ahead of the
// answers: each gives its answers in batches to a channel of its own, and they are
// read in the order of the segments. The two classes are merged by the ends of
// the flows.
func (f *find) search() error {
	ctx, cancel := context.WithCancel(f.ctx)
	var done sync.WaitGroup
	defer done.Wait()
	defer cancel()
	var lanes [classes]*lane
	for c := range lanes {
		lanes[c] = f.startLane(ctx, class(c), &done)
	}
	for {
		a, b := lanes[shortLives].head(f), lanes[longLives].head(f)
		next := lanes[shortLives]
		if a == nil || b != nil && b.End < a.End {
			a, next = b, lanes[longLives]
		}
		if a == nil {
			return f.ctx.Err()
		}
		delete(f.open, keyOf(a))
		if err := f.answer(a); err != nil {
			return err
		}
		next.at++
	}
}

// lane is the segments of one class.
type lane struct {
	finds []*segmentFind
	batch []Answer
	at    int
}

// segmentFind is the search in one segment.
type segmentFind struct {
	entry entry
	out   chan []Answer // closed when the search has ended
	gaps  []Gap         // good when out is closed
	err   error         // good when out is closed
}

// answersAtOnce is how many answers a batch holds.
const answersAtOnce = 256

func (f *find) startLane(ctx context.Context, c class, done *sync.WaitGroup) *lane {
	l := &lane{}
	for _, e := range f.entries {
		if e.class == c && f.candidate(&e) {
			l.finds = append(l.finds, &segmentFind{entry: e, out: make(chan []Answer, 2)})
		}
	}
	finds := l.finds
	var mu sync.Mutex
	take := func() (s *segmentFind) {
		mu.Lock()
		defer mu.Unlock()
		if len(finds) > 0 {
			s, finds = finds[0], finds[1:]
		}
		return s
	}
	for range min(len(l.finds), max(2, runtime.GOMAXPROCS(0))) {
		done.Go(func() {
			for s := take(); s != nil; s = take() {
				if s.err = ctx.Err(); s.err == nil {
					s.err = s.run(ctx, f)
				}
				close(s.out)
			}
		})
	}
	return l
}

// candidate reports whether the segment can hold an answer, or a gap to tell of.
func (f *find) candidate(e *entry) bool {
	return e.state == segmentActive || e.flows > 0 && f.q.covers(e.start, e.until) || e.gapUntil != 0 && f.q.covers(e.gapSince, e.gapUntil)
}

// head returns the lane's next answer, nil at its end.
func (l *lane) head(f *find) *Answer {
	for {
		if l.at < len(l.batch) {
			return &l.batch[l.at]
		}
		if len(l.finds) == 0 {
			return nil
		}
		s := l.finds[0]
		batch, more := <-s.out
		if more {
			l.batch, l.at = batch, 0
			continue
		}
		f.res.Gaps = append(f.res.Gaps, s.gaps...)
		if gone(s.err) {
			f.missing = append(f.missing, s.entry.seq)
		} else if s.err != nil && !errors.Is(s.err, context.Canceled) && !errors.Is(s.err, context.DeadlineExceeded) {
			f.res.Faults = append(f.res.Faults, s.err)
		}
		l.finds, l.batch, l.at = l.finds[1:], nil, 0
	}
}

// run searches the segment.
func (s *segmentFind) run(ctx context.Context, f *find) error {
	e := &segmentReader{q: &f.q, flows: -1, put: func(batch []Answer) error {
		select {
		case s.out <- batch:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	if s.entry.state != segmentActive {
		e.flows = s.entry.flows
	}
	if s.entry.class >= classes {
		return fmt.Errorf("%s: class %d is unknown", segmentPath(f.dir, s.entry.seq), s.entry.class)
	}
	if index, _ := f.q.index(); index != "" && s.entry.state == segmentQuiet {
		return s.runSealed(f, e)
	}
	d, err := openSegment(f.dir, &s.entry)
	if err != nil {
		return err
	}
	defer d.close()
	e.d, e.path = d, d.path
	if e.names, err = readNamespaces(d); err != nil {
		return err
	}
	if s.gaps, err = readGaps(d, &f.q, e.names); err != nil {
		return err
	}
	return e.read()
}

func readGaps(d *db, q *Query, names map[int64]string) ([]Gap, error) {
	s, err := d.prepare("SELECT * FROM gap") // netns was added: earlier files lack it
	if err != nil {
		return nil, err
	}
	defer s.close()
	var gaps []Gap
	for {
		row, err := s.step()
		if err != nil || !row {
			return gaps, err
		}
		if g := scanGap(s, s.columns(), names); q.concerns(&g) {
			gaps = append(gaps, g)
		}
	}
}

// scanGap reads a row of gap that has n columns.
func scanGap(s columns, n int, names map[int64]string) Gap {
	g := Gap{
		From: monitor.Time(s.int(0)), To: monitor.Time(s.int(1)), Count: uint64(s.int(2)),
		AtLeast: s.int(3) != 0, Cause: GapCause(s.int(4)),
	}
	if n > 5 && s.kind(5) != columnNull {
		g.Namespace = names[s.int(5)]
	}
	return g
}

func readNamespaces(d *db) (map[int64]string, error) {
	s, err := d.prepare("SELECT 0, value FROM meta WHERE key='namespace' UNION ALL SELECT id, name FROM namespace")
	if err != nil {
		return nil, err
	}
	defer s.close()
	names := map[int64]string{}
	for {
		row, err := s.step()
		if err != nil || !row {
			return names, err
		}
		names[s.int(0)] = s.text(1)
	}
}

// segmentReader answers from one segment.
type segmentReader struct {
	path    string
	d       *db // nil of a sealedFile
	q       *Query
	flows   int64            // how many the file must have; -1: not known
	names   map[int64]string // of namespaces, 0 that of meta
	put     func([]Answer) error
	batch   []Answer
	damaged error // the first row that is not as it was written
}

func (r *segmentReader) read() error {
	if table, by := r.q.index(); table != "" {
		return r.finish(r.byIndex(table, by))
	}
	return r.finish(r.byTime())
}

// finish hands on the last answers, and tells what was wrong.
func (r *segmentReader) finish(err error) error {
	if err == nil && len(r.batch) > 0 {
		err = r.put(r.batch)
	}
	if err == nil {
		err = r.damaged
	}
	return err
}

// byIndex looks the end up in each chunk, and reads the rows in their order.
func (r *segmentReader) byIndex(table string, e End) error {
	last, err := r.d.one("SELECT max(id) FROM flow")
	if err != nil {
		return err
	}
	chunks, err := chunksOf(r.path, last)
	if err != nil {
		return err
	}
	s, err := r.d.prepare("SELECT flow FROM " + table + " WHERE key BETWEEN ? AND ?")
	if err != nil {
		return err
	}
	defer s.close()
	var rows []int64
	for chunk := range chunks {
		lo, hi := keyRange(int64(chunk), e, r.q.Proto)
		lo.bind(s, 1)
		hi.bind(s, 2)
		from := len(rows)
		for {
			row, err := s.step()
			if err != nil {
				return err
			}
			if !row {
				break
			}
			rows = append(rows, s.int(0))
		}
		s.reset()
		slices.Sort(rows[from:])
	}
	return r.fetch(slices.Compact(rows))
}

func (r *segmentReader) fetch(rows []int64) error {
	if len(rows) == 0 {
		return nil
	}
	s, err := r.d.prepare("SELECT " + rowColumns + " FROM flow WHERE id=?")
	if err != nil {
		return err
	}
	defer s.close()
	for _, id := range rows {
		s.bindInt(1, id)
		row, err := s.step()
		if err != nil {
			return err
		}
		if !row {
			return noSuchFlow(r.path, id)
		}
		if err := r.take(s); err != nil {
			return err
		}
		s.reset()
	}
	return nil
}

// byTime reads all rows of the time that is asked for. Who asks for all time gets
// told when rows are missing.
func (r *segmentReader) byTime() error {
	all := r.q.From == 0 && r.q.To == 0
	where := " WHERE start <= ? AND start + took >= ?"
	if all {
		where = ""
	}
	s, err := r.d.prepare("SELECT " + rowColumns + " FROM flow" + where + " ORDER BY id")
	if err != nil {
		return err
	}
	defer s.close()
	if !all {
		to := int64(r.q.To)
		if to == 0 {
			to = math.MaxInt64
		}
		s.bindInt(1, to)
		s.bindInt(2, int64(r.q.From))
	}
	for n := int64(0); ; n++ {
		row, err := s.step()
		if err != nil {
			return err
		}
		if !row {
			if all && r.flows >= 0 && n != r.flows && r.damaged == nil {
				r.damaged = fmt.Errorf("%s: the file has %d flows, but had %d when it was complete", r.path, n, r.flows)
			}
			return nil
		}
		if err := r.take(s); err != nil {
			return err
		}
	}
}

// take adds the row that the statement stands at to the answers, if it is one.
func (r *segmentReader) take(s *stmt) error {
	a, err := r.next()
	if err != nil {
		return err
	}
	id, netns, ok := scanRow(s, &a.Translation)
	r.keep(id, netns, ok)
	return nil
}

// next is the place of the next answer, at the end of the batch; keep then decides
// whether it stays there.
func (r *segmentReader) next() (*Answer, error) {
	if len(r.batch) == cap(r.batch) {
		if len(r.batch) > 0 {
			if err := r.put(r.batch); err != nil {
				return nil, err
			}
		}
		r.batch = make([]Answer, 0, answersAtOnce)
	}
	r.batch = r.batch[:len(r.batch)+1]
	return &r.batch[len(r.batch)-1], nil
}

func (r *segmentReader) keep(id, netns int64, ok bool) {
	a := &r.batch[len(r.batch)-1]
	if !ok && r.damaged == nil {
		r.damaged = fmt.Errorf("%s: flow %d is not as it was written: the file is damaged", r.path, id)
	}
	a.Namespace = r.names[netns]
	if _, asked := r.q.Match(&a.Translation); !asked || !ok || !r.q.InNamespace(a.Namespace) {
		r.batch = r.batch[:len(r.batch)-1]
	}
}
