package history

import (
	"time"

	"natlens/monitor"
	"natlens/monitor/translation"
)

// commit is what is written in one step. Closed files are committed before table open: after a
// crash in between, a flow is in both, and the next start removes the double. A failed commit
// is repeated from the class or table that failed.
type commit struct {
	translation.Changes
	all   []translation.Translation // with stale: all open translations
	stale bool                      // all replaces the rows of table open
	last  uint64                    // number of the flow that opened last
	at    monitor.Time              // capture was running until then
	mono  time.Duration
	good  bool  // the last commit of an orderly end
	next  class // the first class that is not written; classes: all are written
	done  bool  // table open is written, too
}

func (c *commit) count(class class) (n int) {
	for i := range c.Closed {
		if classOf(&c.Closed[i]) == class {
			n++
		}
	}
	return n
}

// heartbeat is how often a commit records that capture is running if nothing opens or closes.
// After a crash, the gap begins at the last commit.
const heartbeat = 10 * time.Second

// commitLoop commits pending changes every Config.Every, and at once when Write waits or the
// writer closes. A failed commit is repeated in the same way.
func (w *Writer) commitLoop() {
	defer close(w.ended)
	ticker := time.NewTicker(w.cfg.Every)
	defer ticker.Stop()
	c := &commit{next: classes, done: true}
	for {
		var done chan error
		select {
		case <-w.wake:
		case done = <-w.sync:
		case <-ticker.C:
		}
		closing := w.commitPending(c)
		if done != nil {
			done <- w.fault
		}
		if closing {
			return
		}
	}
}

// commitPending completes a failed commit, then commits pending changes. It reports whether the
// writer is closing.
func (w *Writer) commitPending(c *commit) (closing bool) {
	for {
		if c.done {
			if closing = w.take(c); c.done {
				return closing
			}
		}
		err := w.store.commit(c)
		if err == nil {
			err = w.store.upkeep(c.at, c.mono)
		}
		if closing = w.finished(c, err); err != nil {
			return closing
		}
	}
}

// take makes a commit of the pending changes. If there are none, it does not change the commit.
func (w *Writer) take(c *commit) (closing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, mono := w.cfg.Clock()
	for _, s := range w.store.steps.tick(now, mono) {
		w.tracker.ClockSet(s.from, s.to, &w.pending)
	}
	if mono-w.start >= w.cfg.Settle {
		w.tracker.Settle(&w.pending)
	}
	if w.unkept.Count > 0 && w.fault == nil {
		w.pending.Gaps = append(w.pending.Gaps, w.unkept)
		w.unkept = translation.Gap{}
	}
	p := &w.pending
	if n := w.cfg.Names.Renames(); n != w.renames {
		w.renames = n
		w.tracker.Rename(p)
	}
	idle := len(p.Opened)+len(p.Closed)+len(p.Gaps)+len(p.Renamed) == 0
	ending := w.closing && !c.good
	if idle && !ending && mono-c.mono < heartbeat && !w.stale && w.fault == nil {
		return w.closing
	}
	c.Changes, w.pending = w.pending, c.Changes
	w.pending.Reset()
	if c.stale = w.stale; c.stale {
		c.all = c.all[:0]
		w.tracker.Open(func(t *translation.Translation) bool {
			c.all = append(c.all, *t)
			return true
		})
		w.stale = false
	}
	c.last, c.at, c.mono, c.good, c.next, c.done = w.tracker.Last(), now, mono, w.closing, 0, false
	w.moved.Broadcast()
	return false
}

// finished records the result of a commit. It reports whether the writer is closing.
func (w *Writer) finished(c *commit, err error) (closing bool) {
	w.mu.Lock()
	was := w.fault
	w.fault = err
	w.held = 0
	for class := c.next; class < classes; class++ {
		w.held += c.count(class)
	}
	if c.done {
		w.stats.Rows += uint64(len(c.Closed))
		c.Reset()
	}
	w.stats.Bytes = w.store.size()
	w.moved.Broadcast()
	closing = w.closing
	w.mu.Unlock()
	switch {
	case was == nil && err != nil:
		w.cfg.Note(w.Trouble())
	case was != nil && err == nil:
		w.cfg.Note("history " + w.cfg.Dir + ": writing works again")
	}
	return closing
}
