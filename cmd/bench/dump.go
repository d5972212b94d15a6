//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// dumpRuns is the number of runs of each dump; the median is printed.
const dumpRuns = 3

// dump prints what it costs to list the kernel's table.
func (b *bench) dump(ctx context.Context) error {
	fmt.Printf("\ndump of %d flows, median of %d\n", b.flows, dumpRuns)
	fmt.Printf("%-42s %14s %10s %9s\n", "program", "s", "CPU s", "peak MiB")
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{UDPTimeout: time.Hour})
	if err != nil {
		return err
	}
	defer g.Close()
	if _, err := g.Spawn(ctx, labtest.GenConfig{Flows: b.flows}); err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		args []string
	}{
		{"natlens list jsonl", []string{b.natlens, "list", "-o", "jsonl"}},
		{"natlens list conntrack", []string{b.natlens, "list", "-o", "conntrack"}},
		{"natlens list, no match", []string{b.natlens, "list", "-o", "jsonl", "mark", "999"}},
		{"conntrack -L", []string{"conntrack", "-L"}},
		{"conntrack -L -o xml", []string{"conntrack", "-L", "-o", "xml"}},
		{"cat /proc/net/nf_conntrack", []string{"cat", "/proc/self/net/nf_conntrack"}},
		{"ti-mo/conntrack Dump", []string{self(), timoDumpArg}},
	} {
		if !b.wanted(p.name, p.args[0]) {
			continue
		}
		var runs []dumpRun
		for range dumpRuns {
			r, err := b.runDump(ctx, g.Namespace(), p.args)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			runs = append(runs, r)
		}
		fmt.Println(medianRow(p.name, runs))
	}
	return nil
}

type dumpRun struct {
	wall, cpu time.Duration
	peak      int64
}

// runDump runs a program in the namespace, its output going to a file.
func (b *bench) runDump(ctx context.Context, ns *lab.Namespace, args []string) (r dumpRun, err error) {
	path := filepath.Join(b.dir, "dump")
	out, err := os.Create(path)
	if err != nil {
		return r, err
	}
	defer os.Remove(path)
	defer out.Close()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout = out
	began := time.Now()
	if err := ns.Do(cmd.Start); err != nil {
		return r, err
	}
	if err := cmd.Wait(); err != nil {
		return r, err
	}
	r.wall = time.Since(began)
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	r.peak = int64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) << 10
	return r, nil
}
