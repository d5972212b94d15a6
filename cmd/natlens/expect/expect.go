//go:build linux

// Package expect has the commands on expectations: flows that a helper expects because of the
// payload of another flow.
package expect

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
)

// options is the command line of all commands; each has some of the flags.
type options struct {
	con     cli.Console
	format  string
	family  monitor.Family
	capture cli.CaptureFlags
	filter  cli.FilterFlags // its flags name one expectation
	confirm cli.ConfirmFlags
	end     cli.EndFlags
	summary bool // print counts in conntrack(8)'s words

	ignoreMissing bool // delete: no error if no expectation matches

	// create: flags of the expected flow, by the names of expectedFlags
	addrs   map[string]netip.Prefix
	numbers map[string]uint16
}

// New returns the group of commands.
func New(con cli.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "expect COMMAND",
		Short: "List, watch, delete and make expectations",
		Long: `A helper (FTP, SIP, TFTP, PPTP …) reads in the payload of one flow, the master, that another flow
will follow. Until that flow comes, the kernel keeps an expectation of it.`,
		Args: cli.NoWords,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, c := range []struct {
		name, short string
		run         func(*options, context.Context) error
		flags       []func(*options, *cobra.Command)
	}{
		{"list", "List the expectations", (*options).list, groups((*options).shows, (*options).families,
			(*options).limits)},
		{"watch", "Stream expectations as they are made and removed", (*options).watch, groups((*options).shows,
			(*options).ends)},
		{"get", "Show the expectation that a packet would match", (*options).get, groups((*options).shows,
			(*options).tuples)},
		{"delete", "Delete the expectation that a packet would match", (*options).delete, groups((*options).tuples,
			(*options).ignores)},
		{"flush", "Delete every expectation", (*options).flush, groups((*options).asks)},
		{"count", "Print how many expectations there are", (*options).count, groups((*options).families)},
		{"create", "Make an expectation by hand", (*options).create, groups((*options).tuples, (*options).expects)},
	} {
		o := &options{con: con, filter: cli.FilterFlags{LabelFile: con.LabelFile}}
		sub := &cobra.Command{
			Use: c.name, Short: c.short, Args: cli.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.run(o, cmd.Context()) },
		}
		if c.name == "get" || c.name == "delete" {
			sub.Long = c.short + `. Give the packet's protocol, addresses and ports by the flags of the original
direction.`
			sub.Example = "  natlens expect " + c.name + ` -p tcp -s 203.0.113.9 -d 192.168.77.2 \
    --orig-port-src 20 --orig-port-dst 50000`
		}
		cli.RegisterSummary(sub, &o.summary)
		for _, register := range c.flags {
			register(o, sub)
		}
		o.capture.RegisterNetNS(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func groups(g ...func(*options, *cobra.Command)) []func(*options, *cobra.Command) { return g }

func (o *options) shows(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output-format", "o", "", "`format`: conntrack, jsonl (default conntrack on "+
		"a terminal, else jsonl)")
	cli.InGroup(cmd.Flags(), cli.GroupOutput, "output-format")
	cli.MustComplete(cmd, "output-format", cli.CompleteExpectFormat)
}

func (o *options) families(cmd *cobra.Command) { cli.RegisterFamily(cmd.Flags(), &o.family) }

func (o *options) tuples(cmd *cobra.Command) {
	o.filter.Register(cmd)
	cmd.ValidArgsFunction = cobra.NoFileCompletions // it takes no words of a filter
}

func (o *options) ignores(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.ignoreMissing, "ignore-missing", false, "no error if no expectation matches")
}

func (o *options) asks(cmd *cobra.Command) { o.confirm.Register(cmd) }

func (o *options) ends(cmd *cobra.Command) { o.end.Register(cmd, "events") }

func (o *options) limits(cmd *cobra.Command) {
	cmd.Flags().Uint64Var(&o.end.Limit, "limit", 0, "end after `N` expectations; 0: no limit")
}

// sink opens the output of expectations.
func (o *options) sink() (export.ExpectSink, error) {
	sink, err := export.NewExpects(o.con.Format(o.format, "conntrack", "jsonl"), o.con.Stdout, export.Options{})
	if err != nil {
		return nil, cli.Usage(err)
	}
	return sink, nil
}

func (o *options) list(ctx context.Context) error {
	n := uint64(0)
	err := o.show(func(s *kernel.Service, write func(*monitor.Expect) error) error {
		err := s.Expects(ctx, o.family, func(x *monitor.Expect) error {
			if n == o.end.Limit && n > 0 {
				return errLimit
			}
			n++
			return write(x)
		})
		if errors.Is(err, errLimit) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	cli.TellDone(o.con, o.summary, n, "expectation", "shown")
	if n == 0 {
		o.capture.WhyEmpty(ctx, o.con)
	}
	return nil
}

// errLimit ends a list after --limit.
var errLimit = errors.New("limit")

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
	sink, err := o.sink()
	if err != nil {
		return err
	}
	file, err := cli.OpenNetNS(o.capture.Netns)
	if err != nil {
		return err
	}
	defer file.Close() // nil: does nothing
	ctx, cancel := o.end.Context(ctx)
	defer cancel()
	n := uint64(0)
	err = capture.WatchExpects(ctx, cli.NetnsFD(file), func(x *monitor.Expect) error {
		if o.end.Limit > 0 && n == o.end.Limit {
			return nil
		}
		if n++; n == o.end.Limit {
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
		return o.confirm.Empty(ctx, o.con, n, "expectation", "expectation", s.FlushExpects)
	})
}
