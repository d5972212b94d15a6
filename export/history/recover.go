package history

import (
	"errors"
	"fmt"
	"math"
	"os"

	"natlens/monitor"
)

// recover takes over what the capture before left: its segments are completed,
// what it had open becomes the tracker's orphans, and the time until now a gap.
func (w *Writer) recover() error {
	d := w.disk
	before, err := surveyJournal(w.cfg.Dir)
	if err != nil {
		return err
	}
	gaps, err := d.takeStock(&before)
	if err != nil {
		return err
	}
	now := w.start
	d.mark.at = now
	for c := range d.mark.seq { // all that is there so far has been looked at
		d.mark.seq[c], d.mark.flows[c] = d.next-1, math.MaxInt64
	}
	if before.found {
		gap := Gap{From: before.mark.at, To: max(now, before.mark.at), Count: uint64(len(before.open)), Cause: Restarted}
		gaps = append(gaps, gap)
		o := &w.tracker.before
		o.from, o.until, o.why = gap.From, gap.To, Restart
		o.foreign, o.met = map[string]monitor.NetNS{}, map[monitor.NetNS]bool{}
		if before.mark.good {
			o.why = CaptureEnded
		}
	} else if err := d.catalog.setTime(beganAt, now); err != nil {
		return err
	}
	if len(gaps) > 0 {
		if err := d.commitClass(shortLives, nil, gaps); err != nil {
			return err
		}
	}
	if err := d.strikeMissing(); err != nil {
		return err
	}
	w.tracker.last = before.last
	for _, t := range before.open {
		t.NetNS = w.numberOf(before.names[t.number])
		w.tracker.adopt(&t)
	}
	j, err := draftJournal(w.cfg.Dir, &d.mark, w.cfg.names, func(add func(*Translation)) {
		w.tracker.Open(func(t *Translation) bool {
			add(t)
			return true
		})
	})
	if err != nil {
		return err
	}
	if err := j.publish(); err != nil {
		return err
	}
	d.journal = j
	return nil
}

// numberOf is the number under which the orphans of a namespace wait.
func (w *Writer) numberOf(name string) monitor.NetNS {
	if name == w.cfg.Namespace {
		return 0
	}
	foreign := w.tracker.before.foreign
	if _, ok := foreign[name]; !ok {
		foreign[name] = w.cfg.foreign.add(name)
	}
	return foreign[name]
}

// takeStock brings the catalog in line with the files, completes segments that a
// crash left, and takes from the open flows those that the segments have closed.
// It returns the gaps that files leave which somebody has taken away.
func (d *disk) takeStock(before *survey) (gaps []Gap, err error) {
	listed, err := readEntries(d.catalog.d)
	if err != nil {
		return nil, err
	}
	known := map[int64]entry{}
	for _, e := range listed {
		known[e.seq] = e
	}
	there, err := segmentsOn(d.cfg.Dir)
	if err != nil {
		return nil, err
	}
	var byTuple map[monitor.Tuple]uint64
	for _, seq := range there {
		e, ok := known[seq]
		delete(known, seq)
		d.next = max(d.next, seq+1)
		if !ok || e.state != segmentQuiet {
			e, err = d.complete(seq)
			if errors.Is(err, errHalfMade) {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		d.whole = append(d.whole, e)
		past := before.mark.past(&e)
		if past < 0 || len(before.open) == 0 || e.flows == 0 {
			continue
		}
		if byTuple == nil {
			byTuple = make(map[monitor.Tuple]uint64, len(before.open))
			for n, t := range before.open {
				t.NetNS = 0 // a segment has its own numbers of them
				byTuple[t.tuple()] = n
			}
		}
		d.strike(seq, past, byTuple, before.open)
	}
	for seq, e := range known { // listed, but not there any more
		if e.flows > 0 {
			gaps = append(gaps, Gap{From: e.start, To: e.until, Count: uint64(e.flows), Cause: Removed})
		}
		d.missing = append(d.missing, seq)
		d.next = max(d.next, seq+1)
	}
	return gaps, nil
}

// strikeMissing takes files that somebody has taken away from the catalog, now that
// a gap tells of them.
func (d *disk) strikeMissing() error {
	for _, seq := range d.missing {
		if err := d.catalog.remove(seq); err != nil {
			return err
		}
	}
	d.missing = nil
	return nil
}

// past returns the row up to which the journal knows the flows of a segment to be
// closed; -1: all of them.
func (c *committed) past(e *entry) int64 {
	switch {
	case e.seq > c.seq[e.class]:
		return 0
	case e.seq == c.seq[e.class]:
		return c.flows[e.class]
	}
	return -1
}

// complete makes an entry for a segment of which the catalog does not know all. A
// file that can't be read stays, for a reader to name it.
func (d *disk) complete(seq int64) (entry, error) {
	path := segmentPath(d.cfg.Dir, seq)
	e := entry{seq: seq, bytes: fileSize(path)}
	err := completeFile(path, &e)
	if errors.Is(err, errHalfMade) {
		return e, errors.Join(err, removeSegment(d.cfg.Dir, seq), d.catalog.remove(seq))
	}
	if err != nil {
		if full(err) {
			return e, err
		}
		e.extent, e.state = extent{}, segmentActive
		if st, serr := os.Stat(path); serr == nil {
			e.until = monitor.Time(st.ModTime().UnixNano())
		}
	}
	e.bytes = segmentSize(d.cfg.Dir, seq)
	return e, d.catalog.put(&e)
}

// errHalfMade says that a crash came before the segment had its schema.
var errHalfMade = errors.New("no schema yet")

func completeFile(path string, e *entry) error {
	f, err := openDB(path, path, openWrite)
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.exec("PRAGMA busy_timeout=1000"); err != nil {
		return err
	}
	switch version, err := f.one("PRAGMA user_version"); {
	case err != nil:
		return err
	case version == 0 && e.bytes < 1<<16:
		return errHalfMade
	case version != schemaVersion:
		return fmt.Errorf("%s: %w: %d", path, errNewer, version)
	}
	s, err := f.prepare(`SELECT (SELECT value FROM meta WHERE key='class'), (SELECT count(*) FROM flow), (SELECT min(start) FROM flow),
		(SELECT max(start+took) FROM flow), (SELECT min(since) FROM gap), (SELECT max(until) FROM gap)`)
	if err != nil {
		return err
	}
	_, err = s.step()
	if err == nil {
		e.class, e.flows = class(s.int(0)), s.int(1)
		e.start, e.until = monitor.Time(s.int(2)), monitor.Time(s.int(3))
		e.gapSince, e.gapUntil = monitor.Time(s.int(4)), monitor.Time(s.int(5))
	}
	s.close()
	if err != nil {
		return err
	}
	if e.class >= classes {
		return fmt.Errorf("%s: class %d is unknown", path, e.class)
	}
	quiet, err := quieten(f)
	e.state = segmentWhole
	if quiet {
		e.state = segmentQuiet
	}
	return err
}

// strike takes the flows that stand in the segment behind a row from the open
// ones. Where the segment can't be read they stay: a reader says why.
func (d *disk) strike(seq, past int64, byTuple map[monitor.Tuple]uint64, open map[uint64]Translation) {
	path := segmentPath(d.cfg.Dir, seq)
	f, err := openLogged(path)
	if err != nil {
		return
	}
	defer f.close()
	s, err := f.prepare("SELECT " + rowColumns + " FROM flow WHERE id > ? ORDER BY id")
	if err != nil {
		return
	}
	defer s.close()
	s.bindInt(1, past)
	for {
		if row, err := s.step(); err != nil || !row {
			return
		}
		var t Translation
		if _, _, ok := scanRow(s, &t); !ok {
			continue
		}
		n, ok := byTuple[t.tuple()]
		if o := open[n]; ok && o.Start == t.Start {
			delete(open, n)
		}
	}
}
