//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/doctor"
	"natlens/monitor/kernel"
	"natlens/monitor/loop"
)

// quietTime is after how long without an event the reason is told.
const quietTime = 5 * time.Second

// whyNothing tells on stderr, once, why nothing has been seen for a while after
// the begin. The caller calls stop at the end.
func (s *stream) whyNothing(ctx context.Context, m *loop.Loop, source capture.Capture, cfg capture.Config) (stop func()) {
	if s.quiet {
		return func() {}
	}
	beside := s.unfiltered(source, cfg)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if beside != nil {
			defer beside.Close()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(quietTime):
		}
		st := m.Stats()
		others := max(st.Events-st.Existing+source.Stats().LeftOut, eventsOf(beside))
		switch {
		case st.Written > 0:
		case others > 0 && s.findings.on: // they may be all that is wanted
		case others > 0:
			s.note("nothing seen for %s: events come, %d so far, but the filter wants none of them → natlens watch --explain-filter …", quietTime, others)
		case s.namespaces != nil && uncounted(source, cfg):
			s.note("nothing that the filter wants seen for %s in any of the network namespaces → natlens watch --explain-filter …", quietTime)
		case s.namespaces != nil:
			s.note("nothing seen for %s in any of the network namespaces → natlens stats --netns all shows which of them track connections", quietTime)
		default:
			s.tellQuiet(ctx, cfg.NetNS)
		}
	}()
	return func() { cancel(); <-done }
}

// uncounted reports whether the kernel leaves events out and does not count them,
// as filters of sockets do.
func uncounted(source capture.Capture, cfg capture.Config) bool {
	return cfg.Push != nil && source.Way() == capture.Socket && capture.WhyNotPushed(source) == nil
}

// unfiltered returns a listener beside a capture that leaves events out uncounted,
// to tell whether there are any: with the smallest queue, as what finds no room
// there is counted. Where none is needed or to be had it is nil.
func (s *stream) unfiltered(source capture.Capture, cfg capture.Config) capture.Capture {
	if s.namespaces != nil || !uncounted(source, cfg) {
		return nil
	}
	c, err := capture.Open(capture.Config{Way: capture.Socket, NetNS: cfg.NetNS, Kinds: cfg.Kinds, Buffer: 1})
	if err != nil {
		return nil
	}
	return c
}

// eventsOf returns how many events there were for a listener that nobody has read
// so far, or nil.
func eventsOf(c capture.Capture) uint64 {
	if c == nil {
		return 0
	}
	var b monitor.Batch
	if err := c.Poll(&b); err != nil {
		return 0
	}
	st := c.Stats()
	return st.Received + st.Lost
}

// tellQuiet tells why no event comes.
func (s *stream) tellQuiet(ctx context.Context, netns int) {
	snapshot, err := quietSnapshot(ctx, netns)
	if err != nil {
		if ctx.Err() == nil {
			s.note("nothing seen for %s; why could not be found out: %s", quietTime, cli.OneLine(err))
		}
		return
	}
	reason, command := doctor.Quiet(snapshot)
	s.note("nothing seen for %s: %s → %s", quietTime, reason, command)
}

// quietSnapshot reads what doctor.Quiet asks.
func quietSnapshot(ctx context.Context, netns int) (*doctor.Snapshot, error) {
	snapshot := &doctor.Snapshot{Place: placeOfFD(netns)}
	err := readSettings(snapshot, netns)
	readTracking(snapshot, netns)
	service, serr := kernel.OpenService(netns)
	if serr == nil {
		fill, ferr := service.Fill(ctx)
		snapshot.Fill.End = uint64(fill.Entries)
		serr = errors.Join(ferr, service.Close())
	}
	return snapshot, errors.Join(err, serr)
}

// tellUncounted says on stderr that packets and bytes are not counted, and the
// command that has them counted.
func (s *stream) tellUncounted(netns int) {
	snapshot := &doctor.Snapshot{Place: placeOfFD(netns)}
	if err := readSettings(snapshot, netns); err != nil {
		return // what can't be read is no news here: doctor says so
	}
	if reason, command := doctor.Uncounted(snapshot); reason != "" {
		s.note("%s → %s", reason, command)
	}
}
