//go:build linux

package cli

import (
	"context"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// OpenFlows opens a dump whose flows know their path through this host.
func OpenFlows(ctx context.Context, cfg kernel.DumpConfig) (monitor.Source, error) {
	locals, err := netns.Locals(cfg.NetNS)
	if err != nil {
		return nil, err
	}
	dump, err := kernel.DumpWith(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &located{dump, locals}, nil
}

// located is a source that adds to each flow its path through the host.
type located struct {
	monitor.Source
	locals *monitor.Locals
}

func (l *located) Next(ctx context.Context, b *monitor.Batch) error {
	err := l.Source.Next(ctx, b)
	for i := range b.Events {
		f := &b.Events[i].Flow
		f.Path = l.locals.Path(f)
	}
	return err
}
