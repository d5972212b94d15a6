package cli

import (
	"context"
	"errors"
	"iter"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// errStop ends CaptureFlags.Each at once, without a report.
var errStop = errors.New("stop")

// Flows returns the flows in the tables of the network namespaces that --netns names, one table after another, each
// flow with its path through the host. Refused is called as by CaptureFlags.Each. Names gets the numbers of several
// namespaces; it is nil for one.
func (c *CaptureFlags) Flows(ctx context.Context, refused func(error), cfg kernel.DumpConfig,
	names *monitor.Namespaces) iter.Seq2[*monitor.Batch, error] {
	return func(yield func(*monitor.Batch, error) bool) {
		err := c.Each(ctx, refused, func(n monitor.Namespace, fd int) error {
			var id monitor.NetNS
			if names != nil {
				var ok bool
				if id, ok = names.Add(n); !ok {
					return errors.New("there are more namespaces than can be numbered")
				}
			}
			cfg.NetNS = fd
			return dump(ctx, cfg, id, func(b *monitor.Batch) bool { return yield(b, nil) })
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(new(monitor.Batch), err)
		}
	}
}

// dump calls f with the flows of one table. If f returns false, the error is errStop.
func dump(ctx context.Context, cfg kernel.DumpConfig, id monitor.NetNS, f func(*monitor.Batch) bool) error {
	locals, err := netns.Locals(cfg.NetNS)
	if err != nil {
		return err
	}
	source, err := kernel.DumpWith(ctx, cfg)
	if err != nil {
		return err
	}
	defer source.Close()
	for b, err := range monitor.Batches(ctx, source) {
		for i := range b.Events {
			e := &b.Events[i]
			e.SetNetNS(id)
			e.Flow.Path = locals.Path(&e.Flow)
		}
		if len(b.Events) > 0 && !f(b) {
			return errStop
		}
		if err != nil {
			return err
		}
	}
	return nil
}
