//go:build linux

package expect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
)

// service calls f with the requests of the namespace that --netns names.
func (o *options) service(f func(*kernel.Service) error) error {
	return cli.WithService(o.capture.Netns, func(s *kernel.Service, _ *os.File) error { return f(s) })
}

func (o *options) list(ctx context.Context) error {
	sink, err := o.sink()
	if err != nil {
		return err
	}
	return o.service(func(s *kernel.Service) error {
		n := uint64(0)
		err := s.Expects(ctx, o.family.Number(), func(x *monitor.Expect) error { n++; return sink.Write(x) })
		if err := errors.Join(err, sink.Close()); err != nil {
			return err
		}
		cli.TellDone(o.con, o.summary, n, "expectation", "shown")
		return nil
	})
}

func (o *options) counted(ctx context.Context, s *kernel.Service) (n int, err error) {
	err = s.Expects(ctx, o.family.Number(), func(*monitor.Expect) error { n++; return nil })
	return n, err
}

func (o *options) count(ctx context.Context) error {
	return o.service(func(s *kernel.Service) error {
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
		return sink.Write(x)
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

// tuple reads the tuple of a packet. More are the names of other flags that the command takes.
func (o *options) tuple(command string, more ...string) (t monitor.Tuple, err error) {
	for _, v := range o.filter.Given {
		f, ok := filter.FlagByName(v.Name)
		if !ok || slices.Contains(more, f.Name) {
			continue
		}
		if strings.HasPrefix(f.Name, "reply-") || !slices.Contains(cli.ExactFlags, f.Name) {
			return t, cli.Usagef("--%s is not for natlens expect %s", f.Name, command)
		}
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
	sink, err := o.sink()
	if err != nil {
		return err
	}
	return o.service(func(s *kernel.Service) error {
		return errors.Join(s.GetExpect(ctx, &t, sink.Write),
			sink.Close())
	})
}

func (o *options) delete(ctx context.Context) error {
	t, err := o.tuple("delete")
	if err != nil {
		return err
	}
	return o.service(func(s *kernel.Service) error {
		if err := s.DeleteExpect(ctx, &t); err != nil {
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
	return o.service(func(s *kernel.Service) error {
		if !o.confirm.Yes {
			n, err := o.counted(ctx, s)
			if err != nil {
				return err
			}
			switch all := human.Plural(n, "expectation"); {
			case o.confirm.DryRun:
				fmt.Fprintf(o.con.Stderr, "natlens: %s would be deleted.\n", all)
				return nil
			case !o.con.Ask(ctx, fmt.Sprintf("delete all %s?", all)):
				return errors.New("nothing was deleted")
			}
		}
		if err := s.FlushExpects(ctx); err != nil {
			return err
		}
		fmt.Fprintln(o.con.Stderr, "natlens: expectation table has been emptied.")
		return nil
	})
}
