package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// Loop passes events from a source through the table and the filter to the sinks, in one
// goroutine and in whole batches. It has no queue: a slow sink delays the loop, the kernel's
// queue fills, and the kernel counts what it drops, which comes as an event of KindLost.
//
// Set the fields before Run, and do not change them afterwards.
type Loop struct {
	Source monitor.Source
	Table  *table.Table   // nil: no table, so no remembered attributes and no generations
	Filter monitor.Filter // nil: every event
	Sinks  []monitor.Sink

	// Annotate, if not nil, sets Local of the events before the taps.
	Annotate func(*monitor.Batch)

	// Taps get every event, before the filter. They must not change the batch. Metrics are a
	// tap: they count all flows, whatever the filter selects.
	Taps []monitor.Sink

	// Rules, if not nil, get every event like the taps. They are also called by the clock, and
	// their findings go to each sink that is a [monitor.FindingSink].
	Rules monitor.Rules

	// Clock returns the time with which the rules are called; nil: monitor.Now.
	Clock func() monitor.Time

	// Recorded means that the source is a recording. The rules are then called by its clock,
	// also for times without events, and Finish is called at its end.
	Recorded bool
	For      time.Duration // end a recording this long after its first event or Since; 0: at its end

	// Since and Until are the part of a recording that reaches the sinks. The table and the
	// rules get all events before. 0: no limit.
	Since, Until monitor.Time

	// Scope, if not nil, selects the flows of which the source reports events. Other flows of a
	// dump are skipped. It must compare only attributes that never change during a flow's life.
	Scope monitor.Filter

	Count uint64 // end without an error after this many events have passed the filter; 0: never

	// Resync says how the table is reconciled after a loss. The zero value does nothing. It
	// needs a Table and a Source that is [Live].
	Resync Resync

	// Existing says whether flows that are already in the kernel's table become
	// events of KindExisting.
	Existing Existing

	closers []func() error // called in reverse order
	seq     uint64
	stats   counters
	rec     reconciler
	ticks   ticker
	replay  replay
	refresh atomic.Bool
	batches atomic.Uint64 // see Progress
	waiting atomic.Bool
}

// Existing says whether and when a run reads the flows that are already in the table.
type Existing uint8

// All but ExistingNone need a Table and a Source that is [Live].
const (
	ExistingNone   Existing = iota
	ExistingFirst           // all flows of the table first, then the events that were queued meanwhile
	ExistingBeside          // flows of the table between the events, so that the queue does not fill up
	ExistingUntold          // like ExistingBeside, but only for the table, taps and rules, not for sinks
)

// Stats are the Loop's counters. They may be read while it runs.
type Stats struct {
	Events  uint64 // events of the source, without losses and resyncs
	Written uint64 // those of Events that passed the filter
	Lost    uint64 // events that the kernel dropped
	Gaps    uint64 // number of gaps
	Resyncs uint64 // finished reconciliations

	Existing uint64 // those of Events that come from a dump of the table
}

type counters struct{ events, written, lost, gaps, resyncs, existing atomic.Uint64 }

// Stats returns the current counters.
func (m *Loop) Stats() Stats {
	c := &m.stats
	return Stats{c.events.Load(), c.written.Load(), c.lost.Load(), c.gaps.Load(), c.resyncs.Load(), c.existing.Load()}
}

// Progress returns how many batches the loop has passed on, and whether it waits for events now. A loop that neither
// waits nor passes on more is stuck, for example in a sink. It may be called while the loop runs.
func (m *Loop) Progress() (batches uint64, waiting bool) { return m.batches.Load(), m.waiting.Load() }

// errCount ends the loop when Count events have been written.
var errCount = errors.New("count reached")

// Run passes events until the source ends, ctx ends or Count is reached, none of which is an
// error. When ctx ends, it still passes the events that are in the kernel's queue. It closes
// nothing: the caller calls Close.
func (m *Loop) Run(ctx context.Context) error {
	err := m.run(ctx)
	if errors.Is(err, errCount) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (m *Loop) run(ctx context.Context) error {
	var b monitor.Batch
	defer m.ticks.stop()
	defer func() {
		if m.rec.active() {
			m.rec.stop()
		}
	}()
	if err := m.readExisting(ctx); err != nil {
		if ctx.Err() != nil {
			return m.drain(&b)
		}
		return err
	}
	for {
		b.Reset()
		m.waiting.Store(true)
		err := m.next(ctx, &b)
		m.waiting.Store(false)
		m.batches.Add(1)
		if perr := m.take(&b, err != nil); perr != nil {
			return perr
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return io.EOF
		case ctx.Err() != nil:
			return m.drain(&b)
		default:
			return fmt.Errorf("read events: %w", err)
		}
	}
}

// drainTime is how long Run reads the queue after ctx has ended, if new events keep coming.
const drainTime = time.Second

// drain passes the events that are queued when the run ends.
func (m *Loop) drain(b *monitor.Batch) error {
	live, ok := m.Source.(monitor.Live)
	if !ok {
		return nil
	}
	for end := time.Now().Add(drainTime); time.Now().Before(end); {
		b.Reset()
		if err := live.Poll(b); err != nil {
			return nil // the source is closed already
		}
		if len(b.Events) == 0 {
			break
		}
		if err := m.process(b); err != nil {
			return err
		}
	}
	return m.endNamespaces()
}

// readExisting reads the flows that are already in the table.
func (m *Loop) readExisting(ctx context.Context) error {
	if m.Existing == ExistingNone {
		return nil
	}
	if err := m.rec.start(ctx, m, job{mode: table.DumpExisting}); err != nil {
		return fmt.Errorf("read the table: %w", err)
	}
	for m.Existing == ExistingFirst && m.rec.active() {
		if err := m.stepDump(ctx); err != nil {
			return err
		}
	}
	return nil
}

// next gets the next batch. During a reconciliation each call makes one step of it and then
// polls the queue without waiting.
func (m *Loop) next(ctx context.Context, b *monitor.Batch) error {
	if err := m.reconcile(ctx); err != nil {
		return err
	}
	if m.rec.active() || len(m.rec.jobs) > 0 {
		return m.Source.(monitor.Live).Poll(b)
	}
	at, ok := m.nextReconcile()
	if m.Rules != nil && !m.Recorded && (!ok || m.ticks.due.Before(at)) {
		at, ok = m.ticks.due, true
	}
	if !ok {
		return m.Source.Next(ctx, b)
	}
	until := m.ticks.until(ctx, at)
	err := m.Source.Next(until, b)
	if ctx.Err() == nil && until.Err() != nil && errors.Is(err, until.Err()) {
		return nil // time for the reconciliation, or for the rules
	}
	return err
}

// reconcile starts a reconciliation that is due, or continues the current one.
func (m *Loop) reconcile(ctx context.Context) error {
	if m.refresh.Swap(false) {
		m.rec.wantRefresh()
	}
	if m.rec.active() {
		return m.stepDump(ctx)
	}
	if err := m.rec.startNext(ctx, m); err != nil {
		return fmt.Errorf("reconcile the table: %w", err)
	}
	return nil
}

// nextReconcile returns when the next reconciliation must start, which ends the wait for events;
// ok is false if no reconciliation is pending.
func (m *Loop) nextReconcile() (at time.Time, ok bool) {
	at = m.rec.earliest(m.Resync)
	if m.rec.pending != nil {
		return at, true
	}
	var slow time.Time
	if m.Resync.Every > 0 && m.Table != nil && m.Table.Silent() > 0 {
		slow = m.rec.ended.Add(m.Resync.Every)
	}
	if m.Resync.Interim > 0 && (slow.IsZero() || m.rec.interim.Add(m.Resync.Interim).Before(slow)) {
		slow = m.rec.interim.Add(m.Resync.Interim)
	}
	if slow.IsZero() {
		return at, false
	}
	if slow.After(at) {
		at = slow
	}
	if !time.Now().Before(at) {
		m.rec.wantRefresh()
	}
	return at, true
}

// Refresh requests a reconciliation, for example to update counters. Any goroutine may call it.
// It starts with the next events, and within a second if some flows send no events.
func (m *Loop) Refresh() { m.refresh.Store(true) }

// stepDump makes one step of the dump and passes its events.
func (m *Loop) stepDump(ctx context.Context) error {
	if err := m.rec.step(ctx, m); err != nil {
		return fmt.Errorf("read the table: %w", err)
	}
	m.numberAll(&m.rec.out)
	if err := m.observe(&m.rec.out); err != nil {
		return err
	}
	if m.Existing == ExistingUntold {
		m.rec.out.Keep(func(e *monitor.Event) bool { return e.Kind != monitor.KindExisting })
	}
	return m.write(&m.rec.out)
}

// take passes a batch on and calls the rules. last says that it is the last one of the source.
func (m *Loop) take(b *monitor.Batch, last bool) error {
	if !m.Recorded {
		if err := m.process(b); err != nil {
			return err
		}
		return m.tick()
	}
	err := m.processRecorded(b)
	if m.Rules != nil && (last && err == nil || errors.Is(err, io.EOF)) {
		err = cmp.Or(m.writeFindings(m.Rules.Finish(m.replay.now)), err)
	}
	return err
}

// process passes one batch through the table, the filter and the sinks.
func (m *Loop) process(b *monitor.Batch) error {
	if len(b.Events) == 0 {
		return nil
	}
	m.numberAll(b)
	if m.Table != nil {
		m.Table.Apply(b)
	}
	if err := m.observe(b); err != nil {
		return err
	}
	return m.write(b)
}

// observe passes numbered events to the taps and the rules. The table has them already.
func (m *Loop) observe(b *monitor.Batch) error {
	if len(b.Events) == 0 {
		return nil
	}
	if m.Annotate != nil {
		m.Annotate(b)
	}
	for _, t := range m.Taps {
		if err := t.Write(b); err != nil {
			return err
		}
	}
	if m.Rules != nil {
		m.Rules.Observe(b)
	}
	return nil
}

// write passes events through the filter to the sinks.
func (m *Loop) write(b *monitor.Batch) error {
	if m.Since != 0 {
		b.Events = slices.DeleteFunc(b.Events, func(e monitor.Event) bool { return e.Time < m.Since })
	}
	if m.Filter != nil {
		b.Keep(m.Filter)
	}
	var end error
	if m.Count > 0 {
		end = m.cut(b)
	}
	if len(b.Events) == 0 {
		return end
	}
	m.stats.written.Add(counted(b))
	for _, s := range m.Sinks {
		if err := s.Write(b); err != nil {
			return err
		}
	}
	return end
}

// numberAll sets the sequence numbers of the events and counts them. Events of a recording may
// have numbers already, with gaps where a filter dropped events.
func (m *Loop) numberAll(b *monitor.Batch) {
	var events, existing uint64
	for i := range b.Events {
		e := &b.Events[i]
		if e.Seq == 0 {
			e.Seq = m.seq + 1
		}
		m.seq = e.Seq
		switch e.Kind {
		case monitor.KindLost:
			m.stats.gaps.Add(1)
			m.stats.lost.Add(e.Gap.Count)
			if m.Resync.AfterLoss {
				m.rec.wantLoss(e.NetNS(), e.Gap)
			}
			continue
		case monitor.KindResynced:
			m.stats.resyncs.Add(1)
			continue
		case monitor.KindNetNSBegin, monitor.KindNetNSEnd:
			m.namespace(e)
			continue
		case monitor.KindExisting:
			existing++
		}
		events++
	}
	m.stats.existing.Add(existing)
	m.stats.events.Add(events)
}

// cut drops the events after the one that reaches Count. Losses and resyncs do not count.
func (m *Loop) cut(b *monitor.Batch) error {
	left := m.Count - m.stats.written.Load()
	for i := range b.Events {
		if !b.Events[i].Kind.HasFlow() {
			continue
		}
		if left--; left == 0 {
			b.Events = b.Events[:i+1]
			return errCount
		}
	}
	return nil
}

// counted returns the number of events in a batch, without losses and resyncs.
func counted(b *monitor.Batch) (n uint64) {
	for i := range b.Events {
		if b.Events[i].Kind.HasFlow() {
			n++
		}
	}
	return n
}
