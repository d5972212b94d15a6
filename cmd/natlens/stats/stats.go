//go:build linux

// Package stats is the command that prints the kernel's counters of connection tracking.
package stats

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/ctnetlink"
)

type options struct {
	con      cli.Console
	capture  cli.CaptureFlags
	format   string
	table    string        // of -o conntrack
	duration time.Duration // how long to capture; 0: no capture
	started  func()        // called when the capture has started; may be nil
}

// New returns the command.
func New(con cli.Console) *cobra.Command { return newCommand(&options{con: con}) }

func newCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Show the kernel's counters, how full the table is, and the settings that matter",
		Long: `Show how many entries the connection tracking table has and how many it may have, the kernel's
counters for each CPU, and the settings that decide what natlens can see. The counters belong to the network
namespace. They have 32 bits and wrap.

With --for, also show how much the counters grow in that time, the events, and the capture: how many events were
lost, could not be decoded or were forged, and how often the reader was woken.`,
		Example: `  natlens stats
  natlens stats --netns all
  natlens stats --for 5s`,
		Args: cli.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"capture", "buffer-size", "ring"} {
				if o.duration == 0 && cmd.Flags().Changed(name) {
					return cli.Usagef("--%s goes with --for: only then events are captured", name)
				}
			}
			return run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.format, "output-format", "o", "", "`format`: pretty; json: one document; jsonl: one line "+
		"per namespace (default pretty on a terminal, else jsonl)")
	f.DurationVar(&o.duration, "for", 0, "also capture events for this `time`, such as 5s")
	f.StringVar(&o.table, "table", "conntrack", "counters of this `table`: conntrack or expect")
	f.Lookup("table").Hidden = true
	cli.InGroup(f, cli.GroupOutput, "output-format")
	cli.MustComplete(cmd, "output-format", cli.OneOf(formats...))
	o.capture.Register(cmd)
	o.capture.AllowEvery(cmd)
	return cmd
}

var formats = []string{"pretty", "json", "jsonl"}

func (o *options) check() error {
	switch _, isTerminal := cli.Terminal(o.con.Stdout); {
	case o.format == "" && isTerminal:
		o.format = "pretty"
	case o.format == "":
		o.format = "jsonl"
	case !slices.Contains(formats, o.format) && o.format != "conntrack":
		return cli.Usagef("-o %s: must be pretty, json or jsonl", o.format)
	}
	switch {
	case o.table != "conntrack" && o.table != "expect":
		return cli.Usagef("--table %s: must be conntrack or expect", o.table)
	case o.duration < 0:
		return cli.Usagef("--for %s: must not be negative", o.duration)
	case o.format == "conntrack" && o.duration > 0:
		return cli.Usagef("--for: -o conntrack cannot contain events")
	case o.format == "conntrack" && o.capture.Every():
		return cli.Usagef("-o conntrack covers one network namespace; natlens stats --netns all shows all")
	}
	return nil
}

func run(ctx context.Context, o *options) error {
	if err := o.check(); err != nil {
		return err
	}
	read := o.read
	if o.duration > 0 {
		read = o.watch
	}
	all, seen, err := read(ctx)
	if err != nil {
		return err
	}
	_, err = o.con.Stdout.Write(o.text(all, seen))
	return err
}

func (o *options) text(all []*reading, seen *watched) []byte {
	switch {
	case o.format == "json", o.format == "jsonl":
		return asJSON(all, seen, o.format == "json" && o.capture.Every())
	case o.format == "conntrack" && o.table == "expect":
		return conntrack(all[0].expect, ctnetlink.ExpectCounterNames)
	case o.format == "conntrack":
		return conntrack(all[0].cpus, ctnetlink.CounterNames)
	case o.capture.Every():
		return overview(all, seen)
	}
	return all[0].pretty(seen)
}

// conntrack returns counters in the lines of conntrack -S.
func conntrack(cpus []ctnetlink.CPUStats, names []string) (b []byte) {
	for _, c := range cpus {
		b = fmt.Appendf(b, "cpu=%-4d\t", c.CPU)
		for _, k := range counters(cpus, names) {
			b = fmt.Appendf(b, "%s=%d ", k, c.Counters[k])
		}
		b = append(b, '\n')
	}
	return b
}
