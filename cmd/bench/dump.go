//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"natlens/monitor/lab/labtest"
)

// commandRuns is the number of runs of each command. The table shows the median.
const commandRuns = 3

// dump prints the cost of listing the kernel's table.
func (b *bench) dump(ctx context.Context) error {
	return b.commands(ctx, fmt.Sprintf("dump of %d flows", b.flows), b.flows, nil, []listener{
		{name: "natlens list jsonl", args: []string{b.natlens, "list", "-o", "jsonl"}},
		{name: "natlens list conntrack", args: []string{b.natlens, "list", "-o", "conntrack"}},
		{name: "natlens list, no match", args: []string{b.natlens, "list", "-o", "jsonl", "mark", "999"}},
		{name: "conntrack -L", args: []string{"conntrack", "-L"}},
		{name: "conntrack -L -o xml", args: []string{"conntrack", "-L", "-o", "xml"}},
		{name: "cat /proc/net/nf_conntrack", args: []string{"cat", "/proc/self/net/nf_conntrack"}},
	})
}

// delete prints the cost of deleting a quarter of the kernel's table by a filter.
func (b *bench) delete(ctx context.Context) error {
	quarter := b.flows / 4
	const source = "198.18.0.101" // the source with Base 100
	again := &labtest.GenConfig{Flows: quarter, Base: 100}
	title := fmt.Sprintf("deletion of %d of %d flows", quarter, b.flows)
	return b.commands(ctx, title, b.flows-quarter, again, []listener{
		{name: "natlens delete --yes", args: []string{b.natlens, "delete", "--yes", "src", source}},
		{name: "natlens -D", args: []string{b.natlens, "-D", "-s", source}},
		{name: "conntrack -D", args: []string{"conntrack", "-D", "-s", source}},
	})
}

// commands makes flows and prints the cost of each command. If again is not nil, its flows
// are made before each run, and the run must delete them.
func (b *bench) commands(ctx context.Context, title string, flows int, again *labtest.GenConfig, all []listener) error {
	t := newTable(fmt.Sprintf("%s, median of %d", title, commandRuns), "program", "s", "CPU s", "peak MiB")
	defer t.Flush()
	all = slices.DeleteFunc(all, func(c listener) bool { return !b.wanted(t, c.name, c.args[0]) })
	if len(all) == 0 {
		return nil
	}
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{Sysctls: map[string]string{"udp_timeout": "3600"}})
	if err != nil {
		return err
	}
	defer g.Close()
	if _, err := g.Generate(ctx, labtest.GenConfig{Flows: flows}); err != nil {
		return err
	}
	for _, c := range all {
		runs := make([]commandRun, commandRuns)
		for i := range runs {
			if again != nil {
				if _, err := g.Generate(ctx, *again); err != nil {
					return err
				}
			}
			if runs[i], err = b.runCommand(ctx, g, c.args); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			left, err := g.Namespace().ReadSysctl("net.netfilter.nf_conntrack_count")
			if err != nil || left != fmt.Sprint(flows) {
				return fmt.Errorf("%s: %s flows are left, want %d: %w", c.name, left, flows, err)
			}
		}
		slices.SortFunc(runs, func(a, b commandRun) int { return int(a.wall - b.wall) })
		r := runs[len(runs)/2]
		t.row(c.name, r.wall.Seconds(), r.cpu.Seconds(), r.peak)
	}
	return nil
}

type commandRun struct {
	wall, cpu time.Duration
	peak      int64 // resident MiB
}

// runCommand runs a command in the generator's namespace.
func (b *bench) runCommand(ctx context.Context, g *labtest.Generator, args []string) (r commandRun, err error) {
	cmd, err := b.command(ctx, args)
	if err != nil {
		return r, err
	}
	began := time.Now()
	if err := g.Namespace().Do(cmd.Run); err != nil {
		return r, fmt.Errorf("%w: %s", err, cmd.Stderr)
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	r.wall, r.peak = time.Since(began), int64(used.Maxrss)>>10
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, nil
}
