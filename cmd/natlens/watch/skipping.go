package watch

import (
	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/monitor"
)

// skipping is the sink of a run with a history or metrics, which must not wait for the reader
// of the output. While the reader is slower than the events, it drops events, and writes a loss
// with their count in their place.
type skipping struct {
	monitor.Sink
	full  func() bool
	gone  export.Dropped // since the last written event
	total uint64
}

// outletRoom is how many bytes may wait for the reader of standard output.
const outletRoom = 1 << 20

// output is an open output.
type output struct {
	*cli.Output
	skip *skipping // nil: no event is dropped
}

// unhurried returns the sink of the output. If there are other sinks beside it, it does not
// wait for the reader of lines.
func (out *output) unhurried(beside bool) monitor.Sink {
	to := out.Outlet()
	if to == nil {
		return out.Sink
	}
	to.SetRoom(outletRoom)
	if !beside || out.Binary {
		return out.Sink
	}
	out.skip = &skipping{Sink: out.Sink, full: to.Full}
	if findings, ok := out.Sink.(monitor.FindingSink); ok {
		return skippingFindings{out.skip, findings}
	}
	return out.skip
}

// left returns how many events were dropped.
func (s *skipping) left() uint64 {
	if s == nil {
		return 0
	}
	return s.total
}

// Write writes the events, or drops them.
func (s *skipping) Write(b *monitor.Batch) error {
	if !s.full() {
		if err := s.report(); err != nil {
			return err
		}
		return s.Sink.Write(b)
	}
	s.total += s.gone.Add(b)
	return nil
}

// report writes a loss for the dropped events.
func (s *skipping) report() error {
	if s == nil || s.gone.Gap.Count == 0 {
		return nil
	}
	gone := s.gone
	s.gone = export.Dropped{}
	return s.Sink.Write(&monitor.Batch{Events: []monitor.Event{{Kind: monitor.KindLost, Time: gone.Gap.To,
		TimeSource: monitor.TimeReceived, Seq: gone.Seq, Gap: &gone.Gap}}})
}

// skippingFindings is a skipping sink that also writes findings. It drops no finding.
type skippingFindings struct {
	*skipping
	findings monitor.FindingSink
}

// Finding writes a finding.
func (s skippingFindings) Finding(f *monitor.Finding) error { return s.findings.Finding(f) }
