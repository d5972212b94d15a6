package history

import (
	"errors"
	"time"

	"natlens/monitor"
)

// work is what one commit writes. When it fails it is tried again from where it
// stopped:
//
//	stepJournal ─▶ stepShort ─▶ stepLong ─▶ stepMark ─▶ stepDone
type work struct {
	Changes
	lives [classes][]Translation // Closed, apart
	upTo  uint64                 // Writer.wrote at its end
	at    monitor.Time           // capture is known to have gone on up to here
	good  bool                   // and ended here in good order
	step  workStep
}

type workStep uint8

const (
	stepJournal workStep = iota
	stepShort
	stepLong
	stepMark
	stepDone
)

// unwritten is how many closed translations are not in the segments yet.
func (wk *work) unwritten() int {
	switch wk.step {
	case stepJournal, stepShort:
		return len(wk.Closed)
	case stepLong:
		return len(wk.lives[longLives])
	}
	return 0
}

// heartbeat is how often the journal is told that capture goes on when nothing
// opens or closes. A restart is a gap from the last one.
const heartbeat = monitor.Time(10 * time.Second)

// retainEvery is how often retention is looked after.
const retainEvery = monitor.Time(time.Minute)

// commitLoop is the writer's goroutine: it commits what is pending, at least every
// Config.Every, until Close. What has failed is tried again every Config.Every and not
// with each event that comes: a full disk is no reason to be busy.
func (w *Writer) commitLoop() {
	defer close(w.ended)
	ticker := time.NewTicker(w.cfg.Every)
	defer ticker.Stop()
	wk := &work{step: stepDone}
	for {
		select {
		case <-w.wake:
			if w.failing() {
				continue
			}
		case <-ticker.C:
		}
		closing := w.round(wk)
		if closing {
			return
		}
	}
}

// failing reports whether the last commit failed, and the writer goes on.
func (w *Writer) failing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault != nil && !w.closing
}

// round commits what is left of the last work, and then what is pending.
func (w *Writer) round(wk *work) (closing bool) {
	for {
		if wk.step == stepDone {
			if closing = w.take(wk); wk.step == stepDone {
				return closing
			}
		}
		err := w.disk.commit(wk)
		if err == nil {
			err = w.upkeep(wk.at)
		}
		w.finished(wk, err)
		if err != nil {
			w.mu.Lock()
			closing = w.closing
			w.mu.Unlock()
			return closing
		}
	}
}

// take makes what is pending the work, if there is any.
func (w *Writer) take(wk *work) (closing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.now()
	if now-w.start >= monitor.Time(w.cfg.Settle) {
		w.tracker.settle(&w.pending)
	}
	if w.unkept.Count > 0 && w.fault == nil {
		w.pending.Gaps = append(w.pending.Gaps, w.unkept)
		w.unkept = Gap{}
	}
	p := &w.pending
	idle := len(p.Opened)+len(p.Closed)+len(p.Gaps) == 0
	if idle {
		w.done = w.wrote
		w.moved.Broadcast()
	}
	ending := w.closing && !wk.good
	if idle && !ending && now-w.disk.mark.at < heartbeat && !w.stale && w.fault == nil {
		return w.closing
	}
	wk.Changes, w.pending = w.pending, wk.Changes
	w.pending.Reset()
	wk.upTo, wk.at, wk.good, wk.step = w.wrote, now, w.closing, stepJournal
	w.moved.Broadcast()
	return false
}

// finished tells how a commit went.
func (w *Writer) finished(wk *work, err error) {
	w.mu.Lock()
	was := w.fault
	w.fault = err
	w.tries++
	w.held = wk.unwritten()
	if wk.step == stepDone {
		w.done = wk.upTo
		w.stats.Rows += uint64(len(wk.Closed))
		wk.Reset()
	}
	w.stats.Segments, w.stats.Bytes = w.disk.size()
	w.moved.Broadcast()
	w.mu.Unlock()
	if (was == nil) != (err == nil) {
		w.cfg.Fault(err)
	}
}

// commit brings the work to its end, or to where it fails.
func (d *disk) commit(wk *work) error {
	if wk.step == stepJournal {
		d.divide(wk)
		if err := d.journal.begin(wk.Opened, wk.Gaps); err != nil {
			return err
		}
		wk.step = stepShort
	}
	for wk.step == stepShort || wk.step == stepLong {
		c, gaps := shortLives, wk.Gaps
		if wk.step == stepLong {
			c, gaps = longLives, nil
		}
		if err := d.commitClass(c, wk.lives[c], gaps); err != nil {
			return err
		}
		wk.step++
	}
	if wk.step == stepMark {
		d.mark.at, d.mark.good = wk.at, wk.good
		if err := d.journal.commit(wk.Closed, &d.mark); err != nil {
			return err
		}
		wk.step = stepDone
	}
	return nil
}

func (d *disk) commitClass(c class, closed []Translation, gaps []Gap) error {
	if len(closed)+len(gaps) == 0 {
		return nil
	}
	g, err := d.segment(c)
	if err != nil {
		return err
	}
	if err := g.commit(closed, gaps); err != nil {
		return err
	}
	d.mark.flows[c] = g.flows
	return nil
}

// divide puts the closed flows apart by class, and takes from the opened ones what
// has closed already: the journal need not know of it.
func (d *disk) divide(wk *work) {
	for c := range wk.lives {
		wk.lives[c] = wk.lives[c][:0]
	}
	clear(d.gone)
	for i := range wk.Closed {
		t := &wk.Closed[i]
		c := classOf(t)
		wk.lives[c] = append(wk.lives[c], *t)
		d.gone[t.number] = struct{}{}
	}
	n := 0
	for i := range wk.Opened {
		if _, gone := d.gone[wk.Opened[i].number]; !gone {
			wk.Opened[n] = wk.Opened[i]
			n++
		}
	}
	wk.Opened = wk.Opened[:n]
}

// upkeep is what follows a commit: full segments, old ones, a journal that has
// grown.
func (w *Writer) upkeep(now monitor.Time) error {
	d := w.disk
	err := errors.Join(d.sealDue(), d.tellCatalog())
	if now-d.looked >= retainEvery || d.cfg.MaxSize > 0 && now-d.looked >= monitor.Time(w.cfg.Every) {
		err = errors.Join(err, d.retain(now))
	}
	return errors.Join(err, w.renewJournal())
}

// journalSlack is how much a journal may grow, beside half of what it began with,
// before it is written anew.
const journalSlack = 16 << 20

// renewJournal writes the journal anew if it is stale or has grown. Events wait
// only while what is open is copied: a twentieth of a second for a million flows.
func (w *Writer) renewJournal() error {
	j, opened, err := w.draftJournal()
	if j == nil || err != nil {
		return err
	}
	if err := j.publish(); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.stale = true
		w.pending.Opened = append(opened, w.pending.Opened...)
		return err
	}
	err = w.disk.journal.close()
	w.disk.journal = j
	return err
}

// draftJournal makes a draft of a new journal, if there is to be one. What is pending
// as opened stands in it, but for those whose closing was not kept, and is pending
// no more.
func (w *Writer) draftJournal() (j *journal, opened []Translation, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stale && !w.disk.journal.full() {
		return nil, nil, nil
	}
	j, err = draftJournal(w.cfg.Dir, &w.disk.mark, w.cfg.names, func(add func(*Translation)) {
		w.tracker.Open(func(t *Translation) bool {
			add(t)
			return true
		})
		for i := range w.pending.Closed { // closed, but not committed yet
			t := w.pending.Closed[i]
			add(&t)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	opened, w.pending.Opened = w.pending.Opened, nil
	w.stale = false
	return j, opened, nil
}
