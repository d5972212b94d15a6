package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"natlens/monitor"
)

// disk is the files of a history that is being written: the catalog, a segment of
// each class, and the journal. It belongs to the writer's goroutine.
type disk struct {
	cfg     *Config
	catalog *catalog
	journal *journal
	active  [classes]*segment
	whole   []entry // segments that are complete, by number
	missing []int64 // segments that the catalog lists and somebody has taken away
	unsaid  []entry // of these, what the catalog could not be told yet
	next    int64   // number of the next segment
	mark    committed
	looked  monitor.Time // last time that retention was looked after
	gone    map[uint64]struct{}
}

func openDisk(cfg *Config) (*disk, error) {
	c, err := openCatalog(cfg.Dir)
	if err != nil {
		return nil, err
	}
	return &disk{cfg: cfg, catalog: c, next: 1, gone: map[uint64]struct{}{}}, nil
}

// close gives the files back, the active segments complete.
func (d *disk) close() (err error) {
	if d == nil {
		return nil
	}
	for c := range d.active {
		err = errors.Join(err, d.seal(class(c)))
	}
	if d.journal != nil {
		err = errors.Join(err, d.journal.close())
	}
	return errors.Join(err, d.catalog.close())
}

// segment returns the segment that flows of the class go into, and makes one if
// there is none.
func (d *disk) segment(c class) (*segment, error) {
	if d.active[c] != nil {
		return d.active[c], nil
	}
	g, err := createSegment(d.cfg.Dir, d.next, c, d.cfg.names, d.cfg.now())
	if err != nil {
		return nil, err
	}
	if err := d.catalog.put(&entry{seq: g.seq, class: c}); err != nil {
		return nil, errors.Join(err, g.abandon(), removeSegment(d.cfg.Dir, g.seq))
	}
	d.next++
	d.active[c] = g
	d.mark.seq[c], d.mark.flows[c] = g.seq, 0
	return g, nil
}

// sealDue completes the segments that are full or old.
func (d *disk) sealDue() (err error) {
	for c, g := range d.active {
		if g == nil {
			continue
		}
		age := d.cfg.SegmentEvery
		if age <= 0 {
			age = time.Hour
			if class(c) == longLives {
				age = 24 * time.Hour
			}
		}
		if g.flows >= d.cfg.SegmentRows || d.cfg.now()-g.opened >= monitor.Time(age) {
			err = errors.Join(err, d.seal(class(c)))
		}
	}
	return err
}

// seal completes a segment and enters it in the catalog.
func (d *disk) seal(c class) error {
	g := d.active[c]
	if g == nil {
		return nil
	}
	d.active[c] = nil
	e := entry{seq: g.seq, class: c, state: segmentWhole, extent: g.extent}
	quiet, err := g.finish()
	switch {
	case err != nil:
		e.state = segmentActive // what it holds is committed; a reader opens it in any case
	case quiet:
		e.state = segmentQuiet
	}
	e.bytes = fileSize(segmentPath(d.cfg.Dir, g.seq))
	d.whole = append(d.whole, e)
	d.unsaid = append(d.unsaid, e)
	return errors.Join(err, d.tellCatalog())
}

func (d *disk) tellCatalog() error {
	for len(d.unsaid) > 0 {
		if err := d.catalog.put(&d.unsaid[0]); err != nil {
			return err
		}
		d.unsaid = d.unsaid[1:]
	}
	return nil
}

func fileSize(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// segmentSize is the size of a segment with its write-ahead log.
func segmentSize(dir string, seq int64) int64 {
	path := segmentPath(dir, seq)
	return fileSize(path) + fileSize(path+"-wal")
}

// size returns how many segments there are, and the bytes of all files.
func (d *disk) size() (segments int, bytes int64) {
	segments = len(d.whole)
	for i := range d.whole {
		bytes += d.whole[i].bytes
	}
	for _, g := range d.active {
		if g != nil {
			segments++
			bytes += segmentSize(d.cfg.Dir, g.seq)
		}
	}
	catalog := filepath.Join(d.cfg.Dir, catalogName)
	return segments, bytes + fileSize(filepath.Join(d.cfg.Dir, journalName)) + fileSize(catalog) + fileSize(catalog+"-wal")
}

// retain deletes what is too old, and the oldest of what is too much. The segments
// that are being written stay.
func (d *disk) retain(now monitor.Time) error {
	d.looked = now
	_, bytes := d.size()
	for i := 0; i < len(d.whole); {
		e := &d.whole[i]
		old := d.cfg.Keep > 0 && e.until != 0 && now-e.until > monitor.Time(d.cfg.Keep)
		// Segments of long lives are few and filled slowly: by number the first
		// is the oldest all the same.
		much := d.cfg.MaxSize > 0 && bytes > d.cfg.MaxSize && i == 0
		if !old && !much {
			i++
			continue
		}
		if err := d.forget(e); err != nil {
			return err
		}
		bytes -= e.bytes
		d.whole = append(d.whole[:i], d.whole[i+1:]...)
	}
	return nil
}

// forget deletes a segment. The file goes last: what the catalog lists and is not
// there, somebody else has taken away. A file that a crash leaves here is taken
// over by the next writer, and deleted then.
func (d *disk) forget(e *entry) error {
	if e.class == shortLives && e.until != 0 {
		if err := d.catalog.setTime(beganAt, e.until); err != nil {
			return err
		}
	}
	if err := d.catalog.remove(e.seq); err != nil {
		return err
	}
	if err := removeSegment(d.cfg.Dir, e.seq); err != nil {
		return fmt.Errorf("delete what is too old: %w", err)
	}
	return nil
}

func removeSegment(dir string, seq int64) error {
	path := segmentPath(dir, seq)
	var failed error
	for _, tail := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + tail); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
