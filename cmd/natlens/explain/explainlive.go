//go:build linux

package explain

import (
	"context"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

func (c *explainConfig) run(ctx context.Context, con cli.Console) error {
	ns, err := cli.OpenNetNS(c.capture.Netns)
	if err != nil {
		return err
	}
	defer ns.Close() // nil: does nothing
	fd := 0
	if ns != nil {
		fd = int(ns.Fd())
	}
	locals, err := netns.Locals(fd)
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
