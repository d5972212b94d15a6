//go:build linux

package main

import (
	"cmp"
	"context"
	"io"
	"iter"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/kernel"
)

// liveLedger looks into the kernel's table as it is now.
type liveLedger struct{ netns, called string }

func (c *whoConfig) openLive() (ledger, error) {
	if c.netns != "" {
		return &liveLedger{c.netns, c.netns}, nil
	}
	return &liveLedger{c.own, cmp.Or(c.called, c.own)}, nil
}

func (l *liveLedger) name() string { return liveName(l.called) }
func (l *liveLedger) Close() error { return nil }

func (l *liveLedger) span(context.Context) (from, to, now monitor.Time, err error) {
	now = monitor.Now()
	return now, now, now, nil
}

func (l *liveLedger) find(ctx context.Context, q history.Query, each func(*history.Answer) error) (history.Result, error) {
	place := cli.CaptureFlags{Netns: l.netns}
	flows := place.Flows(ctx, cli.Console{Stderr: io.Discard}, kernel.DumpConfig{}, nil)
	return newSeeker(q, nil, each).table(flows)
}

// table looks through a dump of the table.
func (s *seeker) table(flows iter.Seq2[*monitor.Batch, error]) (history.Result, error) {
	now := monitor.Now()
	s.res.Live, s.res.Began = true, now
	for b, err := range flows {
		if err != nil {
			return s.res, err
		}
		for i := range b.Events {
			if e := &b.Events[i]; e.Time == 0 {
				e.Time = now
			}
		}
		// Of a tuple that the dump tells twice, the first flow has ended meanwhile.
		if err := s.Write(b); err != nil && !s.stopped {
			return s.res, err
		}
		if s.stopped {
			break
		}
	}
	s.res.Ended = monitor.Now()
	return s.end()
}
