package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"natlens/monitor"
	"natlens/monitor/annotate"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// errStop ends CaptureFlags.Each at once. Each returns it without a call of refused.
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
				if id, ok = names.Named(n); !ok {
					return errors.New("there are more namespaces than can be numbered")
				}
			}
			cfg.NetNS, c.fd = fd, fd
			return dump(ctx, cfg, id, func(b *monitor.Batch) bool {
				if c.annotator != nil {
					c.annotator.Batch(b)
				}
				return yield(b, nil)
			})
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(new(monitor.Batch), err)
		}
	}
}

// Annotate makes Flows look up the processes and containers of the flows. The caller calls stop when Flows is done.
// refused is called with what can't be looked up.
func (c *CaptureFlags) Annotate(refused func(error)) (stop func()) {
	in := func(_ monitor.NetNS, f func(int) error) error { return f(c.fd) }
	c.annotator = annotate.Open(annotate.Config{In: in, Refused: refused})
	return c.annotator.Close
}

// dump calls f with the flows of one table, in batches. If f returns false, dump ends and returns errStop.
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

// Each calls f with every network namespace that --netns names, and its file descriptor (0: the caller's), which is
// valid until f returns. A single namespace has no name, and its error is returned. Of several, Each skips those that
// can't be read, and calls refused with the reason. If none can be read, it returns an error.
func (c *CaptureFlags) Each(ctx context.Context, refused func(error),
	f func(n monitor.Namespace, fd int) error) error {
	if !c.Every() {
		return c.In(func(fd int) error { return f(monitor.Namespace{}, fd) })
	}
	var finder netns.Finder
	if err := finder.Scan(); err != nil {
		return err
	}
	if finder.Unseen > 0 {
		refused(netns.UnseenError(finder.Unseen))
	}
	read := 0
	for _, n := range finder.Found() {
		file, err := n.Open()
		if err == nil {
			err = f(monitor.Namespace{Name: n.Name, Inode: n.Inode}, NetnsFD(file))
			file.Close()
		}
		switch {
		case err == nil:
			read++
		case ctx.Err() != nil, errors.Is(err, errStop):
			return err
		case !errors.Is(err, netns.ErrGone):
			refused(fmt.Errorf("network namespace %s: %w", n.Name, err))
		}
	}
	if read == 0 {
		return errors.New("no network namespace could be read")
	}
	return nil
}

// In calls f with the file descriptor of the network namespace that --netns names (0: the caller's), which is valid
// until f returns. It returns the error of f.
func (c *CaptureFlags) In(f func(fd int) error) error {
	file, err := OpenNetNS(c.Netns)
	if err != nil {
		return err
	}
	defer file.Close() // nil: does nothing
	return f(NetnsFD(file))
}

// Service calls f with a kernel.Service of the network namespace that --netns names, and closes it afterwards.
func (c *CaptureFlags) Service(f func(s *kernel.Service) error) error {
	return c.In(func(fd int) error {
		s, err := kernel.OpenService(fd)
		if err != nil {
			return err
		}
		return errors.Join(f(s), s.Close())
	})
}
