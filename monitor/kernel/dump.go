//go:build linux

package kernel

import (
	"context"
	"fmt"
	"io"

	"natlens/monitor"
)

// Dump opens the connection tracking table of a network namespace (0: the
// caller's) as a source of KindExisting events. The table is streamed: one read
// of the kernel's answer a call of Next, io.EOF at its end.
//
// A dump is not a snapshot: flows that come or go while it runs may or may not
// be in it, and expired entries that it passes are evicted.
func Dump(ctx context.Context, ns int) (monitor.Source, error) {
	return DumpWith(ctx, DumpConfig{NetNS: ns})
}

// DumpWith is Dump with a choice of what is dumped.
func DumpWith(ctx context.Context, cfg DumpConfig) (monitor.Source, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := OpenService(cfg.NetNS)
	if err != nil {
		return nil, err
	}
	dumpRequest(&s.req, cfg)
	if err := s.send(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("request dump: %w", err)
	}
	return &dump{Service: s}, nil
}

// dump reads the kernel's answer. The kernel makes each part while the one
// before is being read, so that there is always something to read.
type dump struct {
	*Service
	done bool
	now  monitor.Time // of the last read
}

// Next reads one part of the answer. Flows that cannot be decoded are skipped
// and counted.
func (d *dump) Next(ctx context.Context, b *monitor.Batch) error {
	for !d.done && (len(b.Events) == 0 || d.more()) {
		if !d.more() {
			d.now = monitor.Now()
		}
		msg, _, err := d.next(ctx)
		if err == nil {
			d.done, err = ended(msg)
		}
		if err != nil {
			return fmt.Errorf("dump: %w", err)
		}
		if d.done {
			break
		}
		before := len(b.Events)
		if d.dec.Decode(msg, b) == nil {
			e := &b.Events[before]
			e.Kind, e.Time, e.TimeSource = monitor.KindExisting, d.now, monitor.TimeReceived
		}
	}
	if len(b.Events) == 0 {
		return io.EOF
	}
	return nil
}
