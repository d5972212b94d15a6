package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"natlens/monitor"
)

const catalogName = "catalog.sqlite"

// segmentState says how far a segment is.
type segmentState uint8

const (
	segmentActive segmentState = iota // being written, or left by a crash
	segmentWhole                      // complete; it may have a write-ahead log
	segmentQuiet                      // complete, and one file
)

// entry is a segment as the catalog knows it.
type entry struct {
	seq   int64
	class class
	state segmentState
	bytes int64
	extent
}

// catalog lists the segments, so that a question with a time opens only those that
// can matter. It holds nothing that the segments do not: when it is lost it is
// made anew.
type catalog struct {
	d        *db
	set, del *stmt
}

// openCatalog opens the catalog of a writer, and makes one if there is none or it
// can't be read.
func openCatalog(dir string) (*catalog, error) {
	c, err := tryCatalog(dir)
	if err == nil || errors.Is(err, errNewer) || full(err) || busy(err) || !Supported {
		return c, err
	}
	path := filepath.Join(dir, catalogName)
	for _, tail := range []string{"-wal", "-shm", ""} {
		if rerr := os.Remove(path + tail); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			return nil, errors.Join(err, rerr)
		}
	}
	return tryCatalog(dir)
}

// errNewer says that a file was written by another version of this program.
var errNewer = errors.New("the file has a schema of another version")

// createDB opens a database for writing. A new one is for nobody else to read,
// whatever the umask.
func createDB(path string) (*db, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	return openDB(path, path, openWrite)
}

func tryCatalog(dir string) (*catalog, error) {
	path := filepath.Join(dir, catalogName)
	d, err := createDB(path)
	if err != nil {
		return nil, err
	}
	c := &catalog{d: d}
	if err := c.prepare(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *catalog) prepare() error {
	err := c.d.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000")
	if err != nil {
		return err
	}
	version, err := c.d.one("PRAGMA user_version")
	switch {
	case err != nil:
		return err
	case version == 0:
		err = c.d.exec(fmt.Sprintf("BEGIN; PRAGMA application_id=%d; PRAGMA user_version=%d; %s COMMIT", applicationID, schemaVersion, catalogSchema))
		if err != nil {
			return err
		}
	case version != schemaVersion:
		return fmt.Errorf("%s: %w: %d", c.d.path, errNewer, version)
	}
	if c.set, err = c.d.prepare("INSERT OR REPLACE INTO segment VALUES (?,?,?,?,?,?,?,?,?)"); err != nil {
		return err
	}
	c.del, err = c.d.prepare("DELETE FROM segment WHERE seq=?")
	return err
}

func (c *catalog) close() error {
	c.set.close()
	c.del.close()
	return c.d.close()
}

// put writes the entry.
func (c *catalog) put(e *entry) error {
	s := c.set
	s.bindInt(1, e.seq)
	s.bindInt(2, int64(e.class))
	s.bindInt(3, int64(e.state))
	bindIf(s, 4, e.flows > 0, int64(e.start))
	bindIf(s, 5, e.flows > 0, int64(e.until))
	s.bindInt(6, e.flows)
	s.bindInt(7, e.bytes)
	bindIf(s, 8, e.gapUntil != 0, int64(e.gapSince))
	bindIf(s, 9, e.gapUntil != 0, int64(e.gapUntil))
	return s.run()
}

func (c *catalog) remove(seq int64) error {
	c.del.bindInt(1, seq)
	return c.del.run()
}

// setTime writes a time of the history as a whole.
func (c *catalog) setTime(name string, t monitor.Time) error {
	s, err := c.d.prepare("INSERT OR REPLACE INTO meta VALUES (?,?)")
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.bindText(1, name); err != nil {
		return err
	}
	s.bindInt(2, int64(t))
	return s.run()
}

// beganAt names the time from which on the history knows everything.
const beganAt = "began"

func readTime(d *db, name string) (monitor.Time, error) {
	s, err := d.prepare("SELECT value FROM meta WHERE key=?")
	if err != nil {
		return 0, err
	}
	defer s.close()
	if err := s.bindText(1, name); err != nil {
		return 0, err
	}
	if row, err := s.step(); err != nil || !row {
		return 0, err
	}
	return monitor.Time(s.int(0)), nil
}

// readEntries lists the segments of a catalog in the order of their numbers.
func readEntries(d *db) ([]entry, error) {
	s, err := d.prepare("SELECT seq,class,state,start,until,flows,bytes,gap_since,gap_until FROM segment ORDER BY seq")
	if err != nil {
		return nil, err
	}
	defer s.close()
	var all []entry
	for {
		row, err := s.step()
		if err != nil || !row {
			return all, err
		}
		all = append(all, entry{
			seq: s.int(0), class: class(s.int(1)), state: segmentState(s.int(2)), bytes: s.int(6),
			extent: extent{
				start: monitor.Time(s.int(3)), until: monitor.Time(s.int(4)), flows: s.int(5),
				gapSince: monitor.Time(s.int(7)), gapUntil: monitor.Time(s.int(8)),
			},
		})
	}
}

// segmentsOn lists the numbers of the segments in the directory.
func segmentsOn(dir string) ([]int64, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var seqs []int64
	for _, n := range names {
		stem, ok := strings.CutSuffix(n.Name(), ".sqlite")
		seq, err := strconv.ParseInt(stem, 10, 64)
		if ok && err == nil && seq > 0 && filepath.Base(segmentPath(dir, seq)) == n.Name() {
			seqs = append(seqs, seq)
		}
	}
	return seqs, nil
}
