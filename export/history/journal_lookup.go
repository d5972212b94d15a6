package history

import (
	"bytes"
	"io"
	"math"
	"slices"
	"sort"

	"natlens/monitor"
)

// indexBlock is an index in a journal: see journalIndex.
type indexBlock struct {
	outside, inside, closed, state section
	before                         int64 // the record behind the block before
}

// section is a run of records, which may be those of an index.
type section struct {
	r     io.ReaderAt
	at, n int64
}

// record reads one; ok is false if it is not as it was written.
func (s section) record(i int64, r *record) (ok bool) {
	_, err := s.r.ReadAt(r[:], (s.at+i)*recordSize)
	return err == nil && r.sound()
}

// loadable is how many records of a section are read into memory at the most: 64 MiB.
// A journal may be larger than memory, and than what an int can count.
const loadable = 1 << 20

// load reads the section into memory, in buf if it has the room. One that is too
// large stays on disk.
func (s section) load(buf []byte) (section, []byte, error) {
	if s.n > loadable {
		return s, buf, nil
	}
	buf = slices.Grow(buf[:0], int(s.n*recordSize))[:s.n*recordSize]
	_, err := s.r.ReadAt(buf, s.at*recordSize)
	return section{bytes.NewReader(buf), 0, s.n}, buf, err
}

// between calls fn with the entries from lo to hi until it returns false. ok is
// false if a record on the way is damaged.
func (s section) between(lo, hi uint64, fn func(uint64) bool) (ok bool) {
	var r record
	ok = true
	i := int64(sort.Search(int(s.n), func(i int) bool {
		last := uint64(math.MaxUint64)
		ok = ok && s.record(int64(i), &r)
		for e := range r.entries {
			last = e
		}
		return last >= lo
	}))
	for ; ok && i < s.n; i++ {
		if !s.record(i, &r) {
			return false
		}
		for e := range r.entries {
			if e > hi {
				return true
			}
			if e >= lo && !fn(e) {
				return true
			}
		}
	}
	return ok
}

// newest finds the newest record of a kind, and where it stands.
func (j *journalFile) newest(kind recordKind) (r record, at int64, ok bool) {
	buf := make([]byte, min(recordsAtOnce, j.n)*recordSize)
	for to := j.n; to > 0; {
		from := max(to-recordsAtOnce, 0)
		part := buf[:(to-from)*recordSize]
		if _, err := j.f.ReadAt(part, from*recordSize); err != nil {
			return r, 0, false
		}
		for ; to > from; to-- {
			r := (*record)(part[(to-from-1)*recordSize:])
			if r.kind() == kind && r.sound() {
				return *r, to - 1, true
			}
		}
	}
	return r, 0, false
}

// newestIndex finds the newest index; behind is the first record behind it.
func (j *journalFile) newestIndex() (b indexBlock, behind int64, ok bool) {
	r, at, ok := j.newest(recordIndexed)
	if ok {
		b, ok = j.indexAt(at, &r)
	}
	return b, at + 1, ok
}

// indexAt makes the block that a record ends.
func (j *journalFile) indexAt(at int64, r *record) (b indexBlock, ok bool) {
	before, sizes := r.indexed()
	for i, s := range [...]*section{&b.state, &b.closed, &b.inside, &b.outside} {
		n := sizes[len(sizes)-1-i]
		at -= n
		*s = section{&readAhead{r: j.f}, at, n}
	}
	b.before = before
	return b, before >= 0 && before <= at
}

// indexes lists all indexes, newest first; behind is the first record that none of
// them covers. They are not ok if one can't be read: nothing is known then.
func (j *journalFile) indexes() (all []indexBlock, behind int64, ok bool) {
	b, behind, ok := j.newestIndex()
	for ; ok; b, ok = j.indexBefore(&b) {
		all = append(all, b)
		if b.before == 0 {
			return all, behind, true
		}
	}
	return nil, 0, false
}

func (j *journalFile) indexBefore(b *indexBlock) (before indexBlock, ok bool) {
	var r record
	if !(section{j.f, 0, j.n}).record(b.before-1, &r) || r.kind() != recordIndexed {
		return before, false
	}
	return j.indexAt(b.before-1, &r)
}

// openLookup gathers what a journal says about the open flows that a query asks for.
type openLookup struct {
	q        *Query
	live     bool
	open     map[openKey]Answer // those that are asked for
	byNumber map[uint64]openKey
	names    map[monitor.NetNS]string
	gaps     touched
	mark     committed
	flows    opener
}

func newOpenLookup(q *Query, live bool) *openLookup {
	return &openLookup{
		q: q, live: live, open: map[openKey]Answer{}, byNumber: map[uint64]openKey{}, names: map[monitor.NetNS]string{}, gaps: touched{},
	}
}

// take takes in a record.
func (l *openLookup) take(r *record) {
	switch r.kind() {
	case recordOpened, recordOpened6, recordAddrs6, recordNatted6:
		t := l.flows.add(r)
		if t == nil {
			return
		}
		name := l.names[t.NetNS]
		if _, ok := l.q.Match(t); ok && l.q.InNamespace(name) {
			a := Answer{Translation: *t, Namespace: name, Live: l.live}
			k := keyOf(&a)
			l.open[k], l.byNumber[t.number] = a, k
		}
	case recordClosed:
		r.closed(l.close)
	case recordCommitted:
		l.mark = r.committed()
	case recordTouched:
		l.gaps.add(r)
	case recordNamespace:
		r.namespace(l.names)
	}
}

func (l *openLookup) close(number uint64) {
	if k, ok := l.byNumber[number]; ok {
		delete(l.open, k)
		delete(l.byNumber, number)
	}
}

// end has the gaps touch what is open.
func (l *openLookup) end() {
	for k, a := range l.open {
		l.gaps.mark(&a.Translation)
		a.NetNS = 0
		l.open[k] = a
	}
}

// whole goes through all records from one on.
func (l *openLookup) whole(j *journalFile, from int64) (bad int, err error) {
	quick := quickMatch(l.q)
	return j.each(from, func(r *record) bool { return !quick(r) }, l.take)
}

// lookupShare is the part of a journal, one in so many records, up to which flows
// are looked up. For more, going through all records is faster.
const lookupShare = 8

// byIndex looks the flows up in the indexes. It is not done where the query names
// no address, where it asks for too many, and where an index is damaged.
func (l *openLookup) byIndex(j *journalFile) (done bool, bad int, err error) {
	blocks, behind, ok := j.indexes()
	if !ok || !l.states(&blocks[0]) {
		return false, 0, nil
	}
	var at []int64
	for i := range blocks {
		if at, ok = l.wanted(&blocks[i], at, j.n/lookupShare); !ok {
			return false, 0, nil
		}
	}
	if !l.fetch(j, at) {
		return false, 0, nil
	}
	if bad, err = l.whole(j, behind); err != nil {
		return false, bad, err
	}
	return l.strike(blocks), bad, nil
}

// states takes in what a block says of the journal as a whole.
func (l *openLookup) states(b *indexBlock) bool {
	var r record
	for i := range b.state.n {
		if !b.state.record(i, &r) {
			return false
		}
		l.take(&r)
	}
	return true
}

// wanted adds the records of the flows of a block that can be answers, unless that
// makes more than most.
func (l *openLookup) wanted(b *indexBlock, at []int64, most int64) (_ []int64, ok bool) {
	part, e := b.outside, l.q.Outside
	if !e.Addr.IsValid() {
		part, e = b.inside, l.q.Inside
	}
	if !e.Addr.IsValid() {
		return nil, false
	}
	lo := journalKey(monitor.AddrFrom(e.Addr), e.Port)
	hi := lo
	if !e.HasPort {
		lo, hi = lo&^0xffff, lo|0xffff
	}
	ok = part.between(lo<<32, hi<<32|math.MaxUint32, func(e uint64) bool {
		at = append(at, int64(e&math.MaxUint32))
		return int64(len(at)) <= most
	})
	return at, ok && int64(len(at)) <= most
}

// fetch reads flows.
func (l *openLookup) fetch(j *journalFile, at []int64) bool {
	slices.Sort(at) // also because a flow whose two sides have one key is there twice
	all := section{&readAhead{r: j.f}, 0, j.n}
	var r record
	for _, i := range slices.Compact(at) {
		if !all.record(i, &r) {
			return false
		}
		l.take(&r)
		if r.kind() != recordOpened6 {
			continue
		}
		for half := range int64(2) {
			if !all.record(i+1+half, &r) {
				return false
			}
			l.take(&r)
		}
	}
	return true
}

// strike takes away the flows that have closed.
func (l *openLookup) strike(blocks []indexBlock) (ok bool) {
	var buf []byte
	for i := range blocks {
		if len(l.byNumber) == 0 {
			break
		}
		var s section
		var err error
		if s, buf, err = blocks[i].closed.load(buf); err != nil {
			return false
		}
		if !l.strikeIn(s) {
			return false
		}
	}
	return true
}

// strikeIn does so with one list of numbers: few flows are searched for in it, for
// many all of it is gone through.
func (l *openLookup) strikeIn(closed section) (ok bool) {
	if int64(len(l.byNumber)) > closed.n/2 {
		return closed.between(0, math.MaxUint64, func(number uint64) bool { l.close(number); return true })
	}
	for number := range l.byNumber {
		if !closed.between(number, number, func(uint64) bool { l.close(number); return false }) {
			return false
		}
	}
	return true
}

// readAhead reads the records that follow one along with it: those of an address are
// neighbours in an index, and where they are many also in the journal.
type readAhead struct {
	r   io.ReaderAt
	at  int64
	buf []byte // what stands from at on
}

// aheadSize is a page: to read one costs hardly more than to read a record.
const aheadSize = 4096

func (a *readAhead) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > aheadSize {
		return a.r.ReadAt(p, off)
	}
	if off < a.at || off+int64(len(p)) > a.at+int64(len(a.buf)) {
		a.buf = slices.Grow(a.buf[:0], aheadSize)[:aheadSize]
		n, err := a.r.ReadAt(a.buf, off)
		a.at, a.buf = off, a.buf[:n]
		if n < len(p) {
			return 0, err
		}
	}
	return copy(p, a.buf[off-a.at:]), nil
}
