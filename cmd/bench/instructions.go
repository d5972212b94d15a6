//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"natlens/monitor/lab"
)

// perfStat counts the instructions that a program runs in user space. They vary
// less than times do, where the processor counts them at all: few virtual ones do.
var perfStat = []string{"perf", "stat", "-x,", "-e", "instructions:u", "--"}

// countsInstructions reports whether perf(1) can count here, and says once if not.
func countsInstructions(ctx context.Context) bool {
	_, err := instructions(ctx, func(start func() error) error { return start() }, []string{"true"})
	if err != nil {
		fmt.Printf("instruction counts are not to be had here: %v\n", err)
	}
	return err == nil
}

// instructionsIn counts those of a program in a namespace.
func instructionsIn(ctx context.Context, ns *lab.Namespace, args []string) (uint64, error) {
	return instructions(ctx, ns.Do, args)
}

// instructions counts those of a program that do starts.
func instructions(ctx context.Context, do func(func() error) error, args []string) (uint64, error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, perfStat[0], append(perfStat[1:len(perfStat):len(perfStat)], args...)...)
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	if err := do(cmd.Start); err != nil {
		return 0, err
	}
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("perf stat: %w", err)
	}
	return perfCount(said.String())
}

// perfCount reads what perf stat -x, says of the event:
//
//	1234567,,instructions:u,1000,100.00,,
func perfCount(said string) (uint64, error) {
	for line := range strings.Lines(said) {
		count, rest, _ := strings.Cut(line, ",")
		if !strings.Contains(rest, "instructions:u") {
			continue
		}
		n, err := strconv.ParseUint(count, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("perf stat -e instructions:u: %s", count)
		}
		return n, nil
	}
	return 0, fmt.Errorf("perf stat -e instructions:u says nothing of them")
}
