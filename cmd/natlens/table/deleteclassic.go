//go:build linux

package table

import (
	"context"
	"errors"
	"os"
	"slices"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/kernel"
)

// showing deletes without asking, and shows each flow that it deleted. A flow that is gone meanwhile is passed over.
func (c *deleteConfig) showing(ctx context.Context, con cli.Console, s *kernel.Service, netns *os.File) error {
	dump, err := kernel.DumpWith(ctx, kernel.DumpConfig{NetNS: cli.NetnsFD(netns), Push: c.filter.Sel.Expr})
	if err != nil {
		return err
	}
	defer dump.Close()
	out, err := c.output.Open(con, netns)
	if err != nil {
		return err
	}
	shown := out.Sink
	if cli.Saves(c.output.Format) {
		shown = asDestroyed{shown}
	}
	n, err := deleteShowing(ctx, s, dump, c.filter.Compiled(), shown)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	return toldEntries(con, c.summary, n, "deleted")
}

// deleteShowing deletes the flows of a dump that are wanted and shows those that
// it deleted.
func deleteShowing(ctx context.Context, s *kernel.Service, dump monitor.Source, wanted monitor.Filter, sink monitor.Sink) (deleted int, err error) {
	var targets []kernel.Target
	for b, err := range monitor.Batches(ctx, dump) {
		if err != nil {
			return deleted, err
		}
		if wanted != nil {
			b.Keep(wanted)
		}
		targets = targets[:0]
		for i := range b.Events {
			targets = append(targets, kernel.TargetOf(&b.Events[i].Flow, b.Events[i].Has))
		}
		n, _, err := s.DeleteEach(ctx, targets, func(i int) { b.Events[i].Kind = monitor.KindNone })
		deleted += n
		if err != nil {
			return deleted, err
		}
		b.Events = slices.DeleteFunc(b.Events, func(e monitor.Event) bool { return e.Kind == monitor.KindNone })
		if len(b.Events) > 0 {
			if err := sink.Write(b); err != nil {
				return deleted, err
			}
		}
	}
	return deleted, nil
}

// asDestroyed has each flow told as one that ends: as a command line, it is the one
// that deletes it.
type asDestroyed struct{ monitor.Sink }

func (d asDestroyed) Write(b *monitor.Batch) error {
	for i := range b.Events {
		b.Events[i].Kind = monitor.KindDestroy
	}
	return d.Sink.Write(b)
}

// toldEntries says on stderr what was done to how many entries. As with
// conntrack(8), none is a failure.
func toldEntries(con cli.Console, classic bool, n int, done string) error {
	cli.TellDone(con, classic, uint64(n), "flow", done)
	if n == 0 {
		return cli.ErrSilent
	}
	return nil
}
