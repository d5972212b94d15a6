//go:build linux

// Command bench measures listeners of connection tracking events side by side: natlens
// with its ring and its socket, and conntrack(8) if it is installed. Each gets the same
// number of new flows, at full speed, in its own network namespace. It also measures
// the listing of a table, deletion, and the terminal UI. It needs root; `make bench` runs
// it.
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
	"text/tabwriter"
	"time"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := benchAll(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of all tables.
type bench struct {
	flows   int
	rate    int
	stall   time.Duration
	natlens string
	only    *regexp.Regexp
	dir     string   // of the recordings
	out     *os.File // of the program that is measured
}

func benchAll(ctx context.Context) (err error) {
	if err := lab.Enter(); err != nil {
		return err
	}
	var b bench
	flag.IntVar(&b.flows, "flows", 400_000, "new flows for each row")
	flag.IntVar(&b.rate, "rate", 0, "new flows a second for the first table; 0: full speed")
	flag.DurationVar(&b.stall, "stall", 3*time.Second, "how long the listeners of the second table are stopped")
	flag.StringVar(&b.natlens, "natlens", "", "natlens binary to measure (default: build it)")
	only := flag.String("only", "", "run only rows whose name matches this regular expression")
	flag.Parse()
	if b.only, err = regexp.Compile(*only); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if b.dir, err = os.MkdirTemp("", "natlens-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.out, err = os.Create(filepath.Join(b.dir, "out")); err != nil {
		return err
	}
	defer b.out.Close()
	if b.natlens == "" {
		b.natlens = filepath.Join(b.dir, "natlens")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.natlens, "./cmd/natlens")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build natlens: %w", err)
		}
	}
	held, err := labtest.HoldMax(ctx, func(old int) int { return max(old, 2*b.flows+screenSeconds*mostFlows) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	for _, table := range []func(context.Context) error{b.listen, b.listenStalled, b.dump, b.delete, b.screen} {
		if err := table(ctx); err != nil {
			return err
		}
	}
	return nil
}

// table prints rows in aligned columns. The progress goes to standard error.
type table struct {
	*tabwriter.Writer
	empty bool
	title string
	heads []any
}

func newTable(title string, heads ...any) *table {
	return &table{tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0), true, title, heads}
}

// row adds a row. A float is rounded to two digits.
func (t *table) row(name string, cells ...any) {
	if t.empty {
		t.empty = false
		fmt.Fprintf(t, "\n%s\n", t.title)
		t.row(t.heads[0].(string), t.heads[1:]...)
	}
	for _, c := range cells {
		if f, ok := c.(float64); ok {
			c = fmt.Sprintf("%.2f", f)
		}
		name = fmt.Sprintf("%s\t%v", name, c)
	}
	fmt.Fprintln(t, name+"\t")
}

// wanted reports whether to measure a row. If its program is missing, it adds a row that
// says so.
func (b *bench) wanted(t *table, name, program string) bool {
	if !b.only.MatchString(name) {
		return false
	}
	if _, err := exec.LookPath(program); err != nil {
		t.row(name, "not installed")
		return false
	}
	fmt.Fprintln(os.Stderr, "measure", name)
	return true
}
