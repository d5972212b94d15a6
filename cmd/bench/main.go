//go:build linux

// Command bench measures listeners of connection tracking events side by side:
// natlens in its ways, conntrack(8) where it is installed, and ti-mo/conntrack.
// Each gets the same number of new flows, made as fast as the machine can in a
// network namespace of its own. It needs root; `make bench` runs it.
//
// `bench history` measures the history on disk instead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"

	"natlens/monitor/lab/labtest"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case timoListenArg:
			timoListen()
			return
		case timoDumpArg:
			timoDump()
			return
		case historyArg:
			benchHistory(os.Args[2:])
			return
		}
	}
	var b bench
	flag.IntVar(&b.flows, "flows", 400_000, "new flows for each row")
	flag.IntVar(&b.rate, "rate", 0, "new flows a second beside the listeners of the first table, or of -pairs; 0: as many as the machine makes")
	flag.DurationVar(&b.stall, "stall", 3*time.Second, "how long the listeners of the second table are stopped")
	flag.StringVar(&b.natlens, "natlens", "", "natlens binary to measure (default: build it)")
	flag.IntVar(&b.pairs, "pairs", 0, "instead of the tables: compare natlens with findings and metrics and without, by so many pairs of runs")
	only := flag.String("only", "", "run only rows whose name matches this regular expression")
	flag.Parse()
	if err := labtest.Enter(); err != nil {
		fatal(err)
	}
	var err error
	if b.only, err = regexp.Compile(*only); err != nil {
		fatal(fmt.Errorf("-only: %w", err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx); err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// bench is one run of all tables.
type bench struct {
	flows   int
	rate    int
	stall   time.Duration
	pairs   int
	natlens string
	only    *regexp.Regexp
	dir     string // for the listeners' files
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "natlens-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.natlens == "" {
		b.natlens = filepath.Join(b.dir, "natlens")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.natlens, "./cmd/natlens")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build natlens: %w", err)
		}
	}
	held, err := labtest.RaiseMax(ctx, 2*b.flows+screenSeconds*mostFlows)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	if b.pairs > 0 {
		return b.comparePairs(ctx)
	}
	for _, table := range []func(context.Context) error{b.listen, b.listenStalled, b.dump, b.delete, b.screen} {
		if err := table(ctx); err != nil {
			return err
		}
	}
	return nil
}

// listen prints what each listener costs beside the generator at full speed.
func (b *bench) listen(ctx context.Context) error {
	fmt.Printf("%d new flows %s\n%-42s %14s %10s %18s %9s %9s\n", b.flows, b.speed(),
		"listener", "µs CPU/event", "delivered", "lost", "peak MiB", "flows/s")
	return b.each(ctx, listeners(b.natlens, b.dir), b.rate, 0)
}

// speed says how fast the flows begin.
func (b *bench) speed() string {
	if b.rate > 0 {
		return fmt.Sprintf("at %d a second", b.rate)
	}
	return "at full speed"
}

// listenStalled prints what is lost when the listeners are stopped for a while,
// with queues of equal memory.
func (b *bench) listenStalled(ctx context.Context) error {
	fmt.Printf("\nthe same, stopped for %s half a second after the first flow, with 64 MiB of queue\n%-42s %14s %10s %18s %9s %9s\n", b.stall,
		"listener", "µs CPU/event", "delivered", "lost", "peak MiB", "flows/s")
	return b.each(ctx, stalledListeners(b.natlens, b.dir), 0, b.stall)
}

func (b *bench) each(ctx context.Context, all []listener, rate int, stall time.Duration) error {
	for _, l := range all {
		if !b.wanted(l.name, l.args[0]) {
			continue
		}
		r, err := measure(ctx, l, labtest.GenConfig{Flows: b.flows, Rate: rate}, stall)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		fmt.Printf("%-42s %14.2f %10d %18s %9d %9d\n", l.name, r.perEvent(), r.delivered, r.lostText(), r.peak>>20, r.speed)
	}
	return nil
}

// wanted reports whether a row is to be measured; it says of a program that is
// missing that it is.
func (b *bench) wanted(name, program string) bool {
	if !b.only.MatchString(name) {
		return false
	}
	if _, err := exec.LookPath(program); err != nil {
		fmt.Printf("%-42s not installed\n", name)
		return false
	}
	return true
}
