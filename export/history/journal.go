package history

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"natlens/monitor"
)

// journalName is the file that knows what is open.
const journalName = "open.journal"

// journal says which translations are open, so that a crash does not lose them. It
// only grows, until it is written anew with what is open then.
//
// The order of a commit makes it agree with the segments:
//
//	opened, gaps ─▶ fdatasync ─▶ transaction in the segments ─▶ closed, committed
//
// Where the last part is missing, the segments have more flows than the last
// committed record says, and these are the ones that have closed.
type journal struct {
	dir  string
	f    *os.File
	size int64
	buf  []byte

	names func(monitor.NetNS) string
	told  map[monitor.NetNS]string // names that stand in the file
}

// createJournal writes the journal anew: fill calls add with all that is open.
// What stood there before stays until the new one is safe on disk.
func createJournal(dir string, c *committed, names func(monitor.NetNS) string, fill func(add func(*Translation))) (*journal, error) {
	path := filepath.Join(dir, journalName)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{dir: dir, f: f, names: names, told: map[monitor.NetNS]string{}}
	w := bufio.NewWriterSize(f, 1<<20)
	var r record
	r.setCommitted(c)
	j.buf = append(j.buf, r[:]...)
	fill(func(t *Translation) {
		j.addOpened(t)
		if len(j.buf) >= 64*recordSize && err == nil {
			_, err = w.Write(j.buf)
			j.size += int64(len(j.buf))
			j.buf = j.buf[:0]
		}
	})
	if err == nil {
		_, err = w.Write(j.buf)
	}
	j.size += int64(len(j.buf))
	j.buf = j.buf[:0]
	err = errors.Join(err, w.Flush())
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		f.Close()
		return nil, errors.Join(err, os.Remove(path+".new"))
	}
	syncDir(dir)
	return j, nil
}

// addOpened adds the flow to buf, and first the name of its namespace.
func (j *journal) addOpened(t *Translation) {
	var r record
	name := j.names(t.NetNS)
	if told, ok := j.told[t.NetNS]; !ok || told != name {
		j.told[t.NetNS] = name
		for rest, goesOn := name, false; !goesOn || rest != ""; goesOn = true {
			rest = r.setNamespace(t.NetNS, rest, goesOn)
			j.buf = append(j.buf, r[:]...)
		}
	}
	j.buf = appendOpened(j.buf, t)
}

// syncDir makes names in a directory as lasting as the files; where directories
// can't be synced there is nothing to do.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

func (j *journal) close() error { return j.f.Close() }

// write appends the records in buf, or nothing of them.
func (j *journal) write() error {
	defer func() { j.buf = j.buf[:0] }()
	if len(j.buf) == 0 {
		return nil
	}
	if _, err := j.f.WriteAt(j.buf, j.size); err != nil {
		return errors.Join(err, j.f.Truncate(j.size))
	}
	j.size += int64(len(j.buf))
	return nil
}

// begin tells what opened, and gaps, and makes it lasting.
func (j *journal) begin(opened []Translation, gaps []Gap) error {
	var r record
	for i := range opened {
		j.addOpened(&opened[i])
	}
	for i := range gaps { // last: better one flow too many that a gap touches
		r.setGap(&gaps[i])
		j.buf = append(j.buf, r[:]...)
	}
	if len(j.buf) == 0 {
		return nil
	}
	if err := j.write(); err != nil {
		clear(j.told)
		return err
	}
	return j.f.Sync()
}

// commit tells what closed and how far the segments are.
func (j *journal) commit(closed []Translation, c *committed) error {
	var r record
	for len(closed) > 0 {
		n := min(len(closed), maxClosed)
		r.setClosed(closed[:n])
		j.buf = append(j.buf, r[:]...)
		closed = closed[n:]
	}
	r.setCommitted(c)
	j.buf = append(j.buf, r[:]...)
	return j.write()
}

// readJournal calls fn for each record, but for those opened ones that skip, if not
// nil, has no use for: their checksums are not looked at. A record that is not as it was written is passed
// over; bad counts those that a sound one follows, for what a crash or a writer at
// work leaves at the end is no damage. Without a journal there are no records.
func readJournal(dir string, skip func(*record) bool, fn func(*record)) (bad int, err error) {
	f, err := os.Open(filepath.Join(dir, journalName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	in := make([]byte, 2048*recordSize)
	unsound := 0
	for {
		n, err := io.ReadFull(f, in)
		for at := 0; at+recordSize <= n; at += recordSize {
			r := (*record)(in[at:])
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
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return bad, nil
		case err != nil:
			return bad, err
		}
	}
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
	byNetNS := map[monitor.NetNS]string{}
	var flows opener
	var touched uint64 // flows up to this number were open in a gap
	_, err = readJournal(dir, nil, func(r *record) {
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
		case recordGap:
			touched = s.last
		case recordNamespace:
			r.namespace(byNetNS)
		}
	})
	for n, t := range s.open {
		if n <= touched {
			t.Doubt |= TouchedByGap
			s.open[n] = t
		}
	}
	return s, err
}
