//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// delete prints what it costs to delete a quarter of the kernel's table by a
// filter. What was deleted is made anew before the next run.
func (b *bench) delete(ctx context.Context) error {
	quarter := b.flows / 4
	fmt.Printf("\ndeletion of %d of %d flows, median of %d\n%-42s %14s %10s %9s\n", quarter, b.flows, dumpRuns, "program", "s", "CPU s", "peak MiB")
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{UDPTimeout: time.Hour})
	if err != nil {
		return err
	}
	defer g.Close()
	if _, err := g.Spawn(ctx, labtest.GenConfig{Flows: b.flows - quarter}); err != nil {
		return err
	}
	const source = "198.18.0.101" // of the quarter: the first source is 198.18.0.1
	for _, p := range []struct {
		name string
		args []string
	}{
		{"natlens delete --yes", []string{b.natlens, "delete", "--yes", "src", source}},
		{"natlens -D", []string{b.natlens, "-D", "-s", source}},
		{"conntrack -D", []string{"conntrack", "-D", "-s", source}},
	} {
		if !b.wanted(p.name, p.args[0]) {
			continue
		}
		var runs []dumpRun
		for range dumpRuns {
			if _, err := g.Spawn(ctx, labtest.GenConfig{Flows: quarter, Base: 100}); err != nil {
				return err
			}
			r, err := b.runDump(ctx, g.Namespace(), p.args)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			if err := b.left(ctx, g.Namespace(), b.flows-quarter); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			runs = append(runs, r)
		}
		fmt.Println(medianRow(p.name, runs))
	}
	return nil
}

// left fails unless so many flows are in the table.
func (b *bench) left(ctx context.Context, ns *lab.Namespace, want int) error {
	cmd := exec.CommandContext(ctx, b.natlens, "list", "-o", "csv", "--quiet", "--limit", fmt.Sprint(want+1))
	var lines countLines
	cmd.Stdout = &lines
	if err := ns.Do(cmd.Start); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	if n := int(lines) - 1; n != want { // a header
		return fmt.Errorf("%d flows are left, want %d", n, want)
	}
	return nil
}

// countLines counts the lines that are written to it.
type countLines int

func (c *countLines) Write(p []byte) (int, error) {
	for _, b := range p {
		if b == '\n' {
			*c++
		}
	}
	return len(p), nil
}

// medianRow is the row of a program, by the run of median length.
func medianRow(name string, runs []dumpRun) string {
	slices.SortFunc(runs, func(a, b dumpRun) int { return int(a.wall - b.wall) })
	r := runs[len(runs)/2]
	return fmt.Sprintf("%-42s %14.2f %10.2f %9d", name, r.wall.Seconds(), r.cpu.Seconds(), r.peak>>20)
}
