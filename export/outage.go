package export

import (
	"errors"
	"fmt"
	"time"

	"natlens/export/text"
	"natlens/monitor"
)

// outage is a time in which a recording has no room on the disk. The stream goes
// on meanwhile; its events are counted, and once there is room the recording goes
// on with an event of KindLost that tells of them:
//
//	batch ─▶ no room ─▶ kept in memory ─▶ (batches are counted, not kept) ─▶ room: the kept batch, lost, batch
//
// So nothing before is lost, and no more than one batch is kept.
type outage struct {
	why     error     // the disk is full; nil: it isn't
	tried   time.Time // when there was no room the last time
	seq     uint64    // of the last event that is missing
	gap     monitor.Gap
	waiting uint64 // events of the batch that is kept in memory
}

// roomEvery is how often a full disk is tried again at the most.
const roomEvery = 200 * time.Millisecond

// miss counts a batch that is not recorded, and returns how many events of the stream
// that are: what was lost before is none.
func (o *outage) miss(b *monitor.Batch) (events uint64) {
	for i := range b.Events {
		e := &b.Events[i]
		if o.gap.From == 0 {
			o.gap.From = e.Time
		}
		o.seq = e.Seq
		if e.Time != 0 {
			o.gap.To = e.Time
		}
		switch {
		case e.Kind == monitor.KindLost && e.Gap != nil:
			o.gap.Count += e.Gap.Count
			o.gap.Uncertain = o.gap.Uncertain || e.Gap.Uncertain
		case e.Kind.HasFlow():
			o.gap.Count++
			events++
		}
	}
	return events
}

// Missing returns how many events are not in the recording because the disk was full,
// those that wait for room included.
func (r *Rotation) Missing() uint64 { return r.missed + r.out.waiting }

// pause begins an outage if err, or the file at hand, says that the disk is full.
// Other errors are returned.
func (r *Rotation) pause(err error, b *monitor.Batch) error {
	missed := err != nil
	if err == nil {
		err = r.part.Room()
	}
	if !noRoom(err) {
		return err
	}
	r.out = outage{why: err, tried: r.o.Now()}
	if missed {
		r.missed += r.out.miss(b)
	} else {
		r.out.waiting = eventsIn(b)
	}
	text.Note(r.o.Notes, "natlens: "+pauseText(err)+"; what comes is not recorded until there is room")
	return nil
}

// eventsIn counts the events of flows.
func eventsIn(b *monitor.Batch) (n uint64) {
	for i := range b.Events {
		if b.Events[i].Kind.HasFlow() {
			n++
		}
	}
	return n
}

// pauseText says where there is no room.
func pauseText(err error) string {
	if w, ok := errors.AsType[*WriteError](err); ok {
		return fmt.Sprintf("output file %s: %v; it keeps all up to byte %d", w.Path, w.Err, w.Kept)
	}
	return err.Error()
}

// again tries whether there is room, and tells in the recording what is missing.
// The batch is the first one after the gap, nil at the end of the recording. It
// returns false while there is no room, or with r.err set.
func (r *Rotation) again(b *monitor.Batch) bool {
	now := r.o.Now()
	if b != nil && now.Sub(r.out.tried) < roomEvery {
		return false
	}
	r.out.tried = now
	if r.part != nil {
		if err := r.part.Room(); err != nil {
			r.err = unless(noRoom, err)
			return false
		}
	}
	r.out.waiting = 0
	var gap monitor.Batch
	e := gap.Add()
	e.Kind, e.Seq, e.Time, e.TimeSource = monitor.KindLost, r.out.seq, monitor.Time(now.UnixNano()), monitor.TimeReceived
	if b != nil && b.Events[0].Time != 0 {
		e.Time, e.TimeSource = b.Events[0].Time, b.Events[0].TimeSource
	}
	e.Gap = &r.out.gap
	e.Gap.To = max(e.Gap.From, e.Time)
	if r.out.gap.Count > 0 {
		if err := r.write(&gap); err != nil {
			r.err = unless(noRoom, err)
			return false
		}
		if err := r.part.Room(); err != nil {
			r.out.why = err // all is told, but waits for room itself
			r.out.gap = monitor.Gap{}
			r.err = unless(noRoom, err)
			return false
		}
	}
	text.Note(r.o.Notes, fmt.Sprintf("natlens: there is room again: %s, as the recording says", text.AppendGap(nil, e, time.Local)))
	r.out = outage{}
	return true
}

// unless returns the error if it is none of a kind.
func unless(kind func(error) bool, err error) error {
	if kind(err) {
		return nil
	}
	return err
}
