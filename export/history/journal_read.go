package history

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"natlens/monitor"
)

// journalFile is a journal that is read, as long as it was when it was opened.
type journalFile struct {
	f *os.File
	n int64 // whole records
}

// openJournal opens the journal for reading; nil: there is none.
func openJournal(dir string) (*journalFile, error) {
	f, err := os.Open(filepath.Join(dir, journalName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &journalFile{f, st.Size() / recordSize}, nil
}

func (j *journalFile) close() { j.f.Close() }

// recordsAtOnce is how many records are read at a time.
const recordsAtOnce = 2048

// each calls fn for each record from one on, but for those opened ones that skip,
// if not nil, has no use for: their checksums are not looked at. A record that is
// not as it was written is passed over; bad counts those that a sound one follows,
// for what a crash or a writer at work leaves at the end is no damage.
func (j *journalFile) each(from int64, skip func(*record) bool, fn func(*record)) (bad int, err error) {
	in := make([]byte, min(recordsAtOnce, max(j.n-from, 0))*recordSize)
	unsound := 0
	for ; from < j.n; from += recordsAtOnce {
		part := in[:min(recordsAtOnce, j.n-from)*recordSize]
		if _, err := j.f.ReadAt(part, from*recordSize); err != nil {
			return bad, err
		}
		for ; len(part) > 0; part = part[recordSize:] {
			r := (*record)(part)
			if skip != nil && r.kind() == recordOpened && skip(r) {
				continue
			}
			if !r.sound() {
				unsound++
				continue
			}
			bad, unsound = bad+unsound, 0
			fn(r)
		}
	}
	return bad, nil
}

// survey is what a journal tells of the capture before.
type survey struct {
	open  map[uint64]Translation // by number
	names map[uint64]string      // of their namespaces
	last  uint64                 // highest number
	mark  committed
	found bool // there is a journal
}

func surveyJournal(dir string) (s survey, err error) {
	s.open, s.names = map[uint64]Translation{}, map[uint64]string{}
	j, err := openJournal(dir)
	if j == nil {
		return s, err
	}
	defer j.close()
	byNetNS := map[monitor.NetNS]string{}
	var flows opener
	gaps := touched{}
	_, err = j.each(0, nil, func(r *record) {
		s.found = true
		switch r.kind() {
		case recordOpened, recordOpened6, recordAddrs6, recordNatted6:
			if t := flows.add(r); t != nil {
				s.open[t.number] = *t
				s.names[t.number] = byNetNS[t.NetNS]
				s.last = max(s.last, t.number)
			}
		case recordClosed:
			r.closed(func(n uint64) { delete(s.open, n) })
		case recordCommitted:
			s.mark = r.committed()
		case recordTouched:
			gaps.add(r)
		case recordNamespace:
			r.namespace(byNetNS)
		}
	})
	for n, t := range s.open {
		gaps.mark(&t)
		s.open[n] = t
	}
	return s, err
}
