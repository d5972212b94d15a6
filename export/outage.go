package export

import (
	"errors"
	"fmt"
	"time"

	"natlens/export/text"
	"natlens/monitor"
)

// outage is a time in which the disk has no space for a recording. The stream continues
// and its events are counted. Once there is space the recording continues with an event of
// KindLost:
//
//	batch ─▶ no space ─▶ kept in memory ─▶ (batches are counted) ─▶ space: the kept batch, lost, batch
//
// So no earlier event is lost, and at most one batch is kept.
type outage struct {
	why     error     // the disk is full; nil: no outage
	tried   time.Time // when there was no space the last time
	seq     uint64    // of the last event that is missing
	gap     monitor.Gap
	waiting uint64 // events of the batch that is kept in memory
}

// retryEvery is how often a full disk is tried again at most.
const retryEvery = 200 * time.Millisecond

// miss counts a batch that is not recorded, and returns its number of events, without
// those that were lost before.
func (o *outage) miss(b *monitor.Batch) (events uint64) {
	for i := range b.Events {
		e := &b.Events[i]
		if o.gap.From == 0 {
			o.gap.From = e.Time
		}
		o.gap.To = max(o.gap.To, e.Time)
		o.seq = e.Seq
		switch {
		case e.Kind == monitor.KindLost && e.Gap != nil:
			o.gap.Count += e.Gap.Count
			o.gap.Uncertain = o.gap.Uncertain || e.Gap.Uncertain
		case e.Kind.HasFlow():
			events++
		}
	}
	o.gap.Count += events
	return events
}

// Missing returns how many events are not in the recording because the disk was full,
// including those that wait for space.
func (r *Rotation) Missing() uint64 { return r.missed + r.out.waiting }

// pause begins an outage if err, or the file at hand, says that the disk is full. It
// returns other errors.
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
		r.out.waiting = new(outage).miss(b)
	}
	words := err.Error()
	if w, ok := errors.AsType[*WriteError](err); ok {
		words = fmt.Sprintf("output file %s: %v; it keeps all up to byte %d", w.Path, w.Err, w.Kept)
	}
	text.Note(r.o.Notes, "natlens: "+words+"; what comes is not recorded until there is room")
	return nil
}

// again tries to end the outage, with a record of what is missing. b is the first batch
// behind the gap, nil at the end of the recording. It returns false while there is no
// space, or with r.err set.
func (r *Rotation) again(b *monitor.Batch) bool {
	now := r.o.Now()
	if b != nil && now.Sub(r.out.tried) < retryEvery {
		return false
	}
	r.out.tried = now
	if r.part != nil && r.full(r.part.Room()) {
		return false
	}
	r.out.waiting = 0
	var gap monitor.Batch
	e := gap.Add()
	e.Kind, e.Seq, e.Time, e.TimeSource = monitor.KindLost, r.out.seq, monitor.Time(now.UnixNano()),
		monitor.TimeReceived
	if b != nil && b.Events[0].Time != 0 {
		e.Time, e.TimeSource = b.Events[0].Time, b.Events[0].TimeSource
	}
	e.Gap = &r.out.gap
	e.Gap.To = max(e.Gap.From, e.Time)
	if r.out.gap.Count > 0 {
		if r.full(r.write(&gap)) {
			return false
		}
		if err := r.part.Room(); r.full(err) {
			r.out.why, r.out.gap = err, monitor.Gap{} // the record is kept in memory
			return false
		}
	}
	text.Note(r.o.Notes, fmt.Sprintf("natlens: there is room again: %s, as the recording says", text.AppendGap(nil, e,
		time.Local)))
	r.out = outage{}
	return true
}

// full reports whether there is an error. One other than a full disk ends the recording.
func (r *Rotation) full(err error) bool {
	if !noRoom(err) {
		r.err = err
	}
	return err != nil
}
