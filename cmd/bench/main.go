//go:build linux

// Command bench measures listeners of connection tracking events side by side:
// natlens in its ways, conntrack(8) where it is installed, and ti-mo/conntrack.
// Each gets the same number of new flows, made as fast as the machine can in a
// network namespace of its own. It needs root; `make bench` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"text/tabwriter"
	"time"

	"natlens/monitor/lab"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == timoArg {
		timoListen()
		return
	}
	flows := flag.Int("flows", 400_000, "new flows for each listener")
	only := flag.String("only", "", "run only rows whose name matches this regular expression")
	natlens := flag.String("natlens", "", "natlens binary to measure (default: build it)")
	rate := flag.Int("rate", 0, "new flows a second; 0: as fast as can be")
	stall := flag.Duration("stall", 0, "stop each listener for so long, half a second after the first flow")
	flag.Parse()
	if err := lab.Enter(); err != nil {
		fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, lab.GenConfig{Flows: *flows, Rate: *rate}, *stall, *only, *natlens); err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func run(ctx context.Context, gen lab.GenConfig, stall time.Duration, only, natlens string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	dir, err := os.MkdirTemp("", "natlens-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if natlens == "" {
		natlens = filepath.Join(dir, "natlens")
		build := exec.CommandContext(ctx, "go", "build", "-o", natlens, "./cmd/natlens")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build natlens: %w", err)
		}
	}
	restore, err := lab.RaiseMax(ctx, gen.Flows+gen.Flows/8)
	if err != nil {
		return err
	}
	defer restore()
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer out.Flush()
	fmt.Fprintf(out, "listener\tµs CPU/event\tdelivered\tlost\tpeak MiB\tflows/s\t\n")
	for _, l := range listeners(natlens, dir) {
		if !wanted.MatchString(l.name) {
			continue
		}
		if _, err := exec.LookPath(l.args[0]); err != nil {
			fmt.Fprintf(out, "%s\tnot installed\t\t\t\t\t\n", l.name)
			continue
		}
		r, err := measure(ctx, l, gen, stall)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		fmt.Fprintf(out, "%s\t%.2f\t%d\t%s\t%d\t%d\t\n", l.name, r.perEvent(), r.delivered, r.lostText(), r.peak>>20, r.speed)
		out.Flush()
	}
	return nil
}
