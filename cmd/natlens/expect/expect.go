//go:build linux

package expect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
)

// expectConfig is the command line of the commands about expectations.
type expectConfig struct {
	format  string
	family  string
	capture cli.CaptureFlags
	filter  cli.FilterFlags // its flags alone: they name one expectation
	confirm cli.ConfirmFlags
	summary bool // count in conntrack(8)'s words

	expected []filter.FlagValue // create: what is expected, by the names of expectedFlags
}

// NewExpect is the group of commands about expectations.
func NewExpect(con cli.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "expect command",
		Short: "List, watch, delete and make expectations",
		Long: `Expectations are flows that a helper (FTP, SIP, TFTP, PPTP …) has read of in the payload of another flow, and that
will be taken for its children when they come.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("natlens expect has no command %q: list, watch, get, delete, flush, count, create", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(
		expectCommand(con, "list", "List the expectations", (*expectConfig).list, (*expectConfig).shows, (*expectConfig).families),
		expectCommand(con, "watch", "Stream expectations as they are made and go", (*expectConfig).watch, (*expectConfig).shows),
		expectCommand(con, "get", "Show the expectation that a packet would meet", (*expectConfig).get, (*expectConfig).shows, (*expectConfig).tuples),
		expectCommand(con, "delete", "Delete the expectation that a packet would meet", (*expectConfig).delete, (*expectConfig).tuples),
		expectCommand(con, "flush", "Delete every expectation", (*expectConfig).flush, (*expectConfig).asks),
		expectCommand(con, "count", "Print how many expectations there are", (*expectConfig).count, (*expectConfig).families),
		expectCommand(con, "create", "Make an expectation by hand", (*expectConfig).create, (*expectConfig).tuples, (*expectConfig).expects),
	)
	return cmd
}

func expectCommand(con cli.Console, name, short string, run func(*expectConfig, context.Context, cli.Console) error, flags ...func(*expectConfig, *cobra.Command)) *cobra.Command {
	cfg := expectConfig{filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use: name, Short: short,
		Args: cli.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(&cfg, cmd.Context(), con) },
	}
	cli.RegisterSummary(cmd, &cfg.summary)
	for _, register := range flags {
		register(&cfg, cmd)
	}
	cfg.capture.RegisterNetNS(cmd)
	return cmd
}

func (c *expectConfig) shows(cmd *cobra.Command) {
	f := cmd.Flags()
	cli.RegisterFormat(cmd, &c.format, "`format`: conntrack, jsonl (default conntrack on a terminal, else jsonl)")
	cli.InGroup(f, cli.GroupOutput, "output-format")
	cli.MustComplete(cmd, "output-format", cli.CompleteExpectFormat)
}

func (c *expectConfig) families(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.family, "family", "f", "", "only those of this address `family`: ipv4 or ipv6")
	cli.MustComplete(cmd, "family", cli.OneOf("ipv4", "ipv6"))
}

func (c *expectConfig) tuples(cmd *cobra.Command) {
	c.filter.Register(cmd)
	cmd.ValidArgsFunction = cobra.NoFileCompletions // it takes no words of a filter
}

func (c *expectConfig) asks(cmd *cobra.Command) { c.confirm.Register(cmd) }

// sink makes what expectations are written to.
func (c *expectConfig) sink(con cli.Console) (export.ExpectSink, error) {
	format := c.format
	switch _, isTerminal := cli.Terminal(con.Stdout); {
	case format == "" && isTerminal:
		format = "conntrack"
	case format == "":
		format = "jsonl"
	}
	sink, err := export.NewExpects(format, con.Stdout, export.Options{})
	if err != nil {
		return nil, cli.FormatError(err)
	}
	return sink, nil
}

func (c *expectConfig) familyNumber() (monitor.Family, error) {
	switch c.family {
	case "":
		return 0, nil
	case "ipv4":
		return monitor.IPv4, nil
	case "ipv6":
		return monitor.IPv6, nil
	}
	return 0, cli.Usagef("--family %s: not ipv4 or ipv6", c.family)
}

func (c *expectConfig) list(ctx context.Context, con cli.Console) error {
	family, err := c.familyNumber()
	if err != nil {
		return err
	}
	sink, err := c.sink(con)
	if err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, _ *os.File) error {
		n := uint64(0)
		err := s.Expects(ctx, family, func(x *monitor.Expect) error { n++; return sink.Write(x) })
		if err := errors.Join(err, sink.Close()); err != nil {
			return err
		}
		cli.TellDone(con, c.summary, n, "expectation", "shown")
		return nil
	})
}

func (c *expectConfig) count(ctx context.Context, con cli.Console) error {
	family, err := c.familyNumber()
	if err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, _ *os.File) error {
		n := 0
		if err := s.Expects(ctx, family, func(*monitor.Expect) error { n++; return nil }); err != nil {
			return err
		}
		_, err := fmt.Fprintln(con.Stdout, n)
		return err
	})
}

// tuple is the tuple of a packet, by the flags; more are other flags that the
// command knows.
func (c *expectConfig) tuple(command string, more ...string) (t monitor.Tuple, err error) {
	for _, v := range c.filter.Given {
		if f, ok := filter.FlagByName(v.Name); ok {
			if err := cli.Allowed("expect "+command, f.Name, slices.Concat(cli.ExactFlags, more)); err != nil || strings.HasPrefix(f.Name, "reply-") {
				return t, cli.Usagef("--%s says nothing to natlens expect %s", f.Name, command)
			}
		}
	}
	x, err := cli.ReadExact("expect "+command, c.filter.Env, c.filter.Given)
	if err != nil {
		return t, err
	}
	if !x.Has(&cli.OrigSide) {
		return t, cli.Usagef("expect %s needs --orig-src and --orig-dst", command)
	}
	f, err := x.Flow()
	return f.Orig, err
}

func (c *expectConfig) get(ctx context.Context, con cli.Console) error {
	t, err := c.tuple("get")
	if err != nil {
		return err
	}
	sink, err := c.sink(con)
	if err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, _ *os.File) error {
		return errors.Join(s.GetExpect(ctx, &t, sink.Write), sink.Close())
	})
}

func (c *expectConfig) delete(ctx context.Context, con cli.Console) error {
	t, err := c.tuple("delete")
	if err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, _ *os.File) error {
		if err := s.DeleteExpect(ctx, &t); err != nil {
			return err
		}
		cli.TellDone(con, c.summary, 1, "expectation", "deleted")
		return nil
	})
}

func (c *expectConfig) flush(ctx context.Context, con cli.Console) error {
	if err := c.confirm.Check(con, "expect flush"); err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, _ *os.File) error {
		if !c.confirm.Yes {
			n := 0
			if err := s.Expects(ctx, 0, func(*monitor.Expect) error { n++; return nil }); err != nil {
				return err
			}
			if c.confirm.DryRun {
				fmt.Fprintf(con.Stderr, "natlens: %d expectations would be deleted.\n", n)
				return nil
			}
			if !con.Ask(ctx, fmt.Sprintf("delete all %d expectations?", n)) {
				return errors.New("nothing was deleted")
			}
		}
		if err := s.FlushExpects(ctx); err != nil {
			return err
		}
		fmt.Fprintln(con.Stderr, "natlens: expectation table has been emptied.")
		return nil
	})
}

func (c *expectConfig) watch(ctx context.Context, con cli.Console) error {
	sink, err := c.sink(con)
	if err != nil {
		return err
	}
	netns, err := cli.OpenNetNS(c.capture.Netns)
	if err != nil {
		return err
	}
	defer netns.Close() // nil: does nothing
	w, err := capture.WatchExpects(cli.NetnsFD(netns))
	if err != nil {
		return err
	}
	defer w.Close()
	n := uint64(0)
	err = w.Run(ctx, func(x *monitor.Expect) error { n++; return sink.Write(x) }, func(k uint64) {
		fmt.Fprintf(con.Stderr, "natlens: %d expectation events lost\n", k)
	})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if err := errors.Join(err, sink.Close()); err != nil {
		return err
	}
	cli.TellDone(con, c.summary, n, "expectation event", "shown")
	return nil
}
