//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/capture"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// statsConfig is the command line of stats.
type statsConfig struct {
	capture cli.CaptureFlags
	format  string
	table   string
	look    time.Duration // capture events for so long too; 0: not at all
}

func newStats(con cli.Console) *cobra.Command {
	var cfg statsConfig
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Show the kernel's counters, how full the table is, and the settings that matter",
		Long: `Show how many entries the connection tracking table has and may have, the counters that the kernel keeps for each
CPU, and the settings on which depends what can be seen at all. The counters are of the network namespace and have
32 bits: they begin again at 0.

With --for, also how much the counters grow in that time, the events that come, and what capturing them is like: how
many were lost, could not be decoded or were forged, and how often the reader was woken.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"capture", "buffer-size", "ring"} {
				if cfg.look == 0 && cmd.Flags().Changed(name) {
					return cli.Usagef("--%s goes with --for: only then events are captured", name)
				}
			}
			return cfg.run(cmd.Context(), con)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&cfg.format, "output-format", "o", "", "`format`: pretty, json (default pretty on a terminal, else json)")
	f.DurationVar(&cfg.look, "for", 0, "capture events for this `time` too, such as 5s")
	f.StringVar(&cfg.table, "table", "conntrack", "counters of this `table`: conntrack or expect")
	f.Lookup("table").Hidden = true
	cli.InGroup(f, cli.GroupOutput, "output-format", "for")
	cli.MustComplete(cmd, "for", cobra.NoFileCompletions)
	cli.MustComplete(cmd, "output-format", cli.OneOf("pretty", "json"))
	cfg.capture.Register(cmd)
	cfg.capture.AllowEvery(cmd)
	return cmd
}

func (c *statsConfig) run(ctx context.Context, con cli.Console) error {
	if c.table != "conntrack" && c.table != "expect" {
		return cli.Usagef("--table %s: must be conntrack or expect", c.table)
	}
	format := c.format
	switch _, isTerminal := cli.Terminal(con.Stdout); {
	case format == "" && isTerminal:
		format = "pretty"
	case format == "":
		format = "json"
	case format != "pretty" && format != "json" && format != "conntrack":
		return cli.Usagef("--output-format %s: must be pretty or json", format)
	}
	switch {
	case c.look < 0:
		return cli.Usagef("--for %s: must not be negative", c.look)
	case c.look > 0 && format == "conntrack":
		return cli.Usagef("--for: -o conntrack has no place for events")
	case c.look > 0 && c.capture.Every():
		return cli.Usagef("--for captures in one network namespace, not in --netns all")
	case c.capture.Every() && format == "conntrack":
		return cli.Usagef("-o conntrack is of one network namespace; natlens stats --netns all shows all")
	case c.capture.Every():
		return everyStats(ctx, con, format)
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, ns *os.File) error {
		st, err := c.read(ctx, s, cli.NetnsFD(ns))
		if err != nil {
			return err
		}
		var text []byte
		switch {
		case format == "conntrack" && c.table == "expect":
			text = st.classicExpect()
		case format == "conntrack":
			text = st.classic()
		case format == "json":
			text = st.json()
		default:
			text = st.pretty()
		}
		_, err = con.Stdout.Write(text)
		return err
	})
}

// read reads the counters, at the end of the look if one was asked for.
func (c *statsConfig) read(ctx context.Context, s *kernel.Service, netns int) (st stats, err error) {
	if c.look == 0 {
		return readStats(ctx, s, netns)
	}
	cfg, again, err := c.capture.Config(capture.Kinds{})
	if err != nil {
		return st, err
	}
	defer again.Close() // nil: does nothing
	before, err := s.CPUStats(ctx)
	if err != nil {
		return st, err
	}
	look, err := lookAtStats(ctx, cfg, c.look)
	if err != nil {
		return st, err
	}
	look.before = before
	st, err = readStats(context.WithoutCancel(ctx), s, netns) // what was seen until an interrupt is shown
	st.look = look
	return st, err
}

// stats is what the kernel counts, and how it is set.
type stats struct {
	fill    ctnetlink.GlobalStats
	cpus    []ctnetlink.CPUStats
	expect  []kernel.ExpectStats
	sysctls []kernel.Sysctl

	look    *statsLook  // nil: nobody looked
	netns   netns.Found // the zero value where one namespace alone is looked into
	tracked kernel.Tracking
}

func readStats(ctx context.Context, s *kernel.Service, netns int) (st stats, err error) {
	if st.fill, err = s.Fill(ctx); err != nil {
		return st, err
	}
	if st.cpus, err = s.CPUStats(ctx); err != nil {
		return st, err
	}
	if st.expect, err = s.ExpectStats(ctx); err != nil {
		return st, err
	}
	st.sysctls, err = kernel.Sysctls(netns)
	return st, err
}

// sysctl returns a setting by the end of its name.
func (st *stats) sysctl(name string) (v uint64, ok bool) {
	for _, s := range st.sysctls {
		if s.Name == "net.netfilter.nf_conntrack_"+name {
			return s.Value, true
		}
	}
	return 0, false
}

// max is how many entries the table may have, 0 where that is not known.
func (st *stats) max() uint64 {
	if st.fill.Max != 0 {
		return uint64(st.fill.Max)
	}
	v, _ := st.sysctl("max")
	return v
}

// counters are those that at least one CPU has, in the kernel's order.
func (st *stats) counters() (all []ctnetlink.Counter) {
	if len(st.cpus) > 0 {
		st.cpus[0].Each(func(k ctnetlink.Counter, _ uint32) { all = append(all, k) })
	}
	return all
}

func (st *stats) total(k ctnetlink.Counter) (sum uint64) {
	for i := range st.cpus {
		sum += uint64(st.cpus[i].Get(k))
	}
	return sum
}

// classic writes what conntrack -S writes.
func (st *stats) classic() (b []byte) {
	for i := range st.cpus {
		b = fmt.Appendf(b, "cpu=%-4d\t", st.cpus[i].CPU)
		st.cpus[i].Each(func(k ctnetlink.Counter, n uint32) { b = fmt.Appendf(b, "%s=%d ", k, n) })
		b = append(b, '\n')
	}
	return b
}

// classicExpect writes what conntrack -S expect writes.
func (st *stats) classicExpect() (b []byte) {
	for _, e := range st.expect {
		b = fmt.Appendf(b, "cpu=%-4d\texpect_new=%d expect_create=%d expect_delete=%d \n", e.CPU, e.New, e.Create, e.Delete)
	}
	return b
}
