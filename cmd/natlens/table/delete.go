//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
)

// deleteConfig is the command line of delete.
type deleteConfig struct {
	output  cli.OutputFlags // only as conntrack -D, which shows what it deletes
	capture cli.CaptureFlags
	filter  cli.FilterFlags
	confirm cli.ConfirmFlags
	all     bool // without a filter
	summary bool // count in conntrack(8)'s words
}

func NewDelete(con cli.Console) *cobra.Command {
	cfg := deleteConfig{filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "delete filter…",
		Short: "Delete flows from the kernel's table",
		Long: `Delete the flows that a filter selects from the connection tracking table. It says how many they are, shows the
first ten and asks. Exactly the flows that were counted are deleted: what has begun since is left alone, and what has
ended since is counted as gone already.

A deleted flow is forgotten, not cut: its next packet makes a new flow, for which the NAT rules are asked anew.`,
		Example: `  natlens delete udp dport 53 and dst 192.0.2.53
  natlens delete --dry-run dst 10.0.0.7
  natlens delete --yes orig.dst 203.0.113.1 and udp`,
		Args: cfg.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cfg.run(cmd.Context(), cfg.filter.Named(con))
		},
	}
	cfg.confirm.Register(cmd)
	cli.RegisterFormat(cmd, &cfg.output.Format, "")
	cmd.Flags().Lookup("output-format").Hidden = true
	cli.RegisterSummary(cmd, &cfg.summary)
	cmd.Flags().BoolVar(&cfg.all, "all", false, "without a filter delete every flow")
	cmd.Flags().Lookup("all").Hidden = true
	cfg.capture.RegisterNetNS(cmd)
	cfg.filter.Register(cmd)
	cfg.filter.RegisterLabelMap(cmd)
	return cmd
}

// shown is how many of the flows are shown before the question.
const shown = 10

func (c *deleteConfig) run(ctx context.Context, con cli.Console) error {
	if err := onlyFlows(&c.filter); err != nil {
		return err
	}
	wanted := c.filter.Compiled()
	if wanted == nil && !c.all {
		return cli.Usagef("delete needs a filter; natlens flush deletes every flow")
	}
	if err := c.confirm.Check(con, "delete"); err != nil {
		return err
	}
	if err := c.output.Check(); err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, netns *os.File) error {
		if c.confirm.Yes && c.output.Format != "" {
			return c.showing(ctx, con, s, netns)
		}
		cfg := kernel.DumpConfig{NetNS: cli.NetnsFD(netns), Push: c.filter.Sel.Expr}
		targets, err := collect(ctx, con, cfg, wanted, !c.confirm.Yes)
		if err != nil {
			return err
		}
		return deleteTargets(ctx, con, &c.confirm, s, targets)
	})
}

func flowsText(n int) string {
	if n == 1 {
		return "1 flow"
	}
	return human.Count(uint64(n)) + " flows"
}

// collect reads the flows that are wanted, and shows the first of them on
// stderr if show says so.
func collect(ctx context.Context, con cli.Console, cfg kernel.DumpConfig, wanted monitor.Filter, show bool) (targets []kernel.Target, err error) {
	source, err := cli.OpenFlows(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	sink, err := prettyOn(con, con.Stderr)
	if err != nil {
		return nil, err
	}
	for b, err := range monitor.Batches(ctx, source) {
		if err != nil {
			return nil, err
		}
		if wanted != nil {
			b.Keep(wanted)
		}
		for i := range b.Events {
			targets = append(targets, kernel.TargetOf(&b.Events[i].Flow, b.Events[i].Has))
		}
		before := len(targets) - len(b.Events)
		if b.Events = b.Events[:min(len(b.Events), max(0, shown-before))]; show && len(b.Events) > 0 {
			if err := sink.Write(b); err != nil {
				return nil, err
			}
		}
	}
	if more := len(targets) - shown; show && more > 0 {
		fmt.Fprintf(con.Stderr, "… and %s more\n", human.Count(uint64(more)))
	}
	return targets, nil
}

// prettyOn is the sink of lines for people on w.
func prettyOn(con cli.Console, w io.Writer) (monitor.Sink, error) {
	width, _ := cli.Terminal(w)
	return export.New("pretty", w, export.Options{Colour: con.Colour(w), Light: con.Light(), Width: width, LabelFile: con.LabelFile})
}

// onlyFlows refuses a filter that asks for kinds of events.
func onlyFlows(f *cli.FilterFlags) error {
	if f.Sel.Kinds != 0 {
		return cli.Usagef("--event-mask asks for kinds of events: natlens watch has them")
	}
	return nil
}

// delete asks, deletes and says what came of it.
func deleteTargets(ctx context.Context, con cli.Console, c *cli.ConfirmFlags, s *kernel.Service, targets []kernel.Target) error {
	switch {
	case len(targets) == 0:
		return errors.New("no flow matches: nothing to delete")
	case c.DryRun:
		fmt.Fprintf(con.Stderr, "natlens: %s would be deleted.\n", flowsText(len(targets)))
		return nil
	case !c.Yes && !con.Ask(ctx, fmt.Sprintf("delete %s?", flowsText(len(targets)))):
		return errors.New("nothing was deleted")
	}
	deleted, gone, err := s.Delete(ctx, targets)
	text := fmt.Sprintf("%s deleted", flowsText(deleted))
	if gone > 0 {
		text += fmt.Sprintf(", %s gone already", human.Count(uint64(gone)))
	}
	if left := len(targets) - deleted - gone; left > 0 {
		text += fmt.Sprintf(", %s left", human.Count(uint64(left)))
	}
	fmt.Fprintf(con.Stderr, "natlens: %s.\n", text)
	return err
}
