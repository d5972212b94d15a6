//go:build linux

package expect

import (
	"context"
	"errors"
	"fmt"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
)

func (o *options) list(ctx context.Context) error {
	n := uint64(0)
	err := o.show(func(s *kernel.Service, write func(*monitor.Expect) error) error {
		return s.Expects(ctx, o.family, func(x *monitor.Expect) error { n++; return write(x) })
	})
	if err == nil {
		cli.TellDone(o.con, o.summary, n, "expectation", "shown")
	}
	return err
}

// show writes the expectations that a request returns.
func (o *options) show(ask func(s *kernel.Service, write func(*monitor.Expect) error) error) error {
	sink, err := o.sink()
	if err != nil {
		return err
	}
	return o.capture.Service(func(s *kernel.Service) error { return errors.Join(ask(s, sink.Expect), sink.Close()) })
}

func (o *options) counted(ctx context.Context, s *kernel.Service) (n int, err error) {
	err = s.Expects(ctx, o.family, func(*monitor.Expect) error { n++; return nil })
	return n, err
}

func (o *options) count(ctx context.Context) error {
	return o.capture.Service(func(s *kernel.Service) error {
		n, err := o.counted(ctx, s)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(o.con.Stdout, n)
		return err
	})
}

func (o *options) watch(ctx context.Context) error {
	if o.duration < 0 {
		return cli.Usagef("--for %s: must not be negative", o.duration)
	}
	sink, err := o.sink()
	if err != nil {
		return err
	}
	file, err := cli.OpenNetNS(o.capture.Netns)
	if err != nil {
		return err
	}
	defer file.Close() // nil: does nothing
	w, err := capture.WatchExpects(cli.NetnsFD(file))
	if err != nil {
		return err
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.duration > 0 {
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	n := uint64(0)
	err = w.Run(ctx, func(x *monitor.Expect) error {
		if o.limit > 0 && n == o.limit {
			return nil
		}
		if n++; n == o.limit {
			cancel()
		}
		return sink.Expect(x)
	}, func(lost uint64) {
		fmt.Fprintf(o.con.Stderr, "natlens: %s lost\n", human.Plural(lost, "expectation event"))
	})
	if errors.Is(err, ctx.Err()) {
		err = nil
	}
	if err := errors.Join(err, sink.Close()); err != nil {
		return err
	}
	cli.TellDone(o.con, o.summary, n, "expectation event", "shown")
	return nil
}

func (o *options) tuple(command string, more ...string) (t monitor.Tuple, err error) {
	if err := cli.CheckFlags("expect "+command, o.filter.Given, append(more, cli.OrigFlags...)...); err != nil {
		return t, err
	}
	x, err := cli.ReadExact("expect "+command, o.filter.Env, o.filter.Given)
	if err != nil {
		return t, err
	}
	if !x.HasOrig() {
		return t, cli.Usagef("expect %s needs --orig-src and --orig-dst", command)
	}
	f, err := x.Flow()
	return f.Orig, err
}

func (o *options) get(ctx context.Context) error {
	t, err := o.tuple("get")
	if err != nil {
		return err
	}
	return o.show(func(s *kernel.Service, write func(*monitor.Expect) error) error {
		return s.GetExpect(ctx, &t, write)
	})
}

func (o *options) delete(ctx context.Context) error {
	t, err := o.tuple("delete")
	if err != nil {
		return err
	}
	return o.capture.Service(func(s *kernel.Service) error {
		err := s.DeleteExpect(ctx, &t)
		if o.ignoreMissing && errors.Is(err, kernel.ErrNoExpect) {
			return nil
		}
		if err != nil {
			return err
		}
		cli.TellDone(o.con, o.summary, 1, "expectation", "deleted")
		return nil
	})
}

func (o *options) flush(ctx context.Context) error {
	if err := o.confirm.Check(o.con, "expect flush"); err != nil {
		return err
	}
	return o.capture.Service(func(s *kernel.Service) error {
		n, err := o.counted(ctx, s)
		if err != nil {
			return err
		}
		all := human.Plural(n, "expectation")
		ok, err := o.confirm.Allow(ctx, o.con, "delete all "+all+"?", all+" would be deleted.", "deleted")
		if !ok || err != nil {
			return err
		}
		if err := s.FlushExpects(ctx); err != nil {
			return err
		}
		fmt.Fprintln(o.con.Stderr, "natlens: expectation table has been emptied.")
		return nil
	})
}
