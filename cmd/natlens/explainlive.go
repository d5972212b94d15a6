//go:build linux

package main

import (
	"context"

	"natlens/monitor/kernel"
)

func (c *explainConfig) run(ctx context.Context, con console) error {
	netns, err := openNetNS(c.capture.netns)
	if err != nil {
		return err
	}
	defer netns.Close() // nil: does nothing
	fd := 0
	if netns != nil {
		fd = int(netns.Fd())
	}
	locals, err := kernel.Locals(fd)
	if err != nil {
		return err
	}
	dump, err := kernel.Dump(ctx, fd)
	if err != nil {
		return err
	}
	defer dump.Close()
	return c.explain(ctx, con, dump, locals, "no flow is tracked in this network namespace")
}
