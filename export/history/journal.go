package history

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

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
//
// Behind the flows with which it begins, and then every so often, an index follows
// of what came since the last one: see journal_index.go.
type journal struct {
	dir  string
	f    *os.File
	size int64
	base int64 // size when it was written anew
	buf  []byte

	names   func(monitor.NetNS) string
	told    map[monitor.NetNS]string // names that stand in the file, or in buf
	untold  bool                     // a write failed: perhaps not all of them do
	touched map[monitor.NetNS]uint64 // what recordTouched says
	mark    committed
	index   journalIndex
}

// draftJournal begins to write the journal anew: fill calls add with all that is
// open. The one before stays in its place until publish.
func draftJournal(dir string, c *committed, names func(monitor.NetNS) string, fill func(add func(*Translation))) (*journal, error) {
	f, err := os.OpenFile(filepath.Join(dir, journalName+".new"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{dir: dir, f: f, names: names, told: map[monitor.NetNS]string{}, touched: map[monitor.NetNS]uint64{}, mark: *c}
	var r record
	r.setCommitted(c)
	j.buf = append(j.buf, r[:]...)
	fill(func(t *Translation) {
		j.addOpened(t)
		if len(j.buf) >= 1<<20 && err == nil {
			err = j.write()
		}
	})
	if err == nil {
		err = j.write()
	}
	if err != nil {
		return nil, j.discard(err)
	}
	return j, nil
}

// publish puts a draft in the place of the journal before, once it is safe on disk.
func (j *journal) publish() error {
	path := filepath.Join(j.dir, journalName)
	err := j.writeIndex()
	if err == nil {
		err = j.f.Sync()
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return j.discard(err)
	}
	syncDir(j.dir)
	j.base = j.size
	return nil
}

// discard gives up a draft because of an error.
func (j *journal) discard(err error) error {
	j.f.Close()
	return errors.Join(err, os.Remove(filepath.Join(j.dir, journalName+".new")))
}

// full reports whether the journal has grown so much that it is to be written anew.
func (j *journal) full() bool { return j.size > j.base+j.base/2+journalSlack }

// addOpened adds the flow to buf, and first the name of its namespace.
func (j *journal) addOpened(t *Translation) {
	name := j.names(t.NetNS)
	if told, ok := j.told[t.NetNS]; !ok || told != name {
		j.told[t.NetNS] = name
		j.buf = appendNamespace(j.buf, t.NetNS, name)
	}
	j.index.addOpened(t, (j.size+int64(len(j.buf)))/recordSize)
	j.buf = appendOpened(j.buf, t)
}

// tellNames adds all names to buf.
func (j *journal) tellNames() {
	for _, n := range slices.Sorted(maps.Keys(j.told)) {
		j.buf = appendNamespace(j.buf, n, j.told[n])
	}
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
		j.untold = true
		j.index.forget()
		return errors.Join(err, j.f.Truncate(j.size))
	}
	j.index.keep()
	j.size += int64(len(j.buf))
	j.untold = false
	return nil
}

// begin tells what opened, and which flows gaps touch, and makes it lasting.
func (j *journal) begin(opened []Translation, gaps []Gap) error {
	if j.untold {
		j.tellNames()
	}
	for i := range opened {
		j.addOpened(&opened[i])
	}
	for i := range gaps {
		g := &gaps[i]
		j.touched[g.NetNS] = max(j.touched[g.NetNS], g.opened)
		var r record
		r.setTouched(g.NetNS, g.opened)
		j.buf = append(j.buf, r[:]...)
	}
	if len(j.buf) == 0 {
		return nil
	}
	if err := j.write(); err != nil {
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
		j.index.addClosed(closed[:n])
		j.buf = append(j.buf, r[:]...)
		closed = closed[n:]
	}
	r.setCommitted(c)
	j.buf = append(j.buf, r[:]...)
	if err := j.write(); err != nil {
		return err
	}
	j.mark = *c
	if j.size-j.index.end >= indexEvery*recordSize {
		// Without the index a reader goes through these records one by one, and
		// the next commit tries again.
		_ = j.writeIndex()
	}
	return nil
}
