//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// pausesArg has the bench measure how long the capture loop is away from its
// queue instead: while many flows begin, and while all of them end at once.
const pausesArg = "pauses"

func benchPauses(args []string) {
	var b pausesBench
	flags := flag.NewFlagSet(pausesArg, flag.ExitOnError)
	flags.IntVar(&b.gen.Flows, "flows", 1_000_000, "flows to make")
	flags.IntVar(&b.gen.Rate, "rate", 150_000, "flows a second; 0: as many as the machine makes")
	flags.Parse(args)
	if err := lab.Enter(); err != nil {
		fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx); err != nil {
		fatal(err)
	}
}

// pausesBench is one run.
type pausesBench struct {
	gen lab.GenConfig
}

func (b *pausesBench) run(ctx context.Context) (err error) {
	restore, err := lab.RaiseMax(ctx, 2*b.gen.Flows)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()
	g, err := lab.NewGenerator(lab.GeneratorConfig{})
	if err != nil {
		return err
	}
	defer g.Close()
	capture, err := capture.Open(capture.Config{Dump: kernel.Dump, NetNS: g.Namespace().FD()})
	if err != nil {
		return err
	}
	defer capture.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	source := &clocked{Capture: capture}
	m := &loop.Loop{
		Source: source, Table: table.New(table.Config{}), Sinks: []monitor.Sink{jsonl.NewWriter(null)},
		Resync: loop.Resync{AfterLoss: true},
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ran := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // whose CPU is looked at
		ran <- m.Run(ctx)
	}()
	if _, err := g.Spawn(ctx, b.gen); err != nil {
		return err
	}
	if err := b.until(ctx, func() bool { return m.Table.Len() == b.gen.Flows }); err != nil {
		return err
	}
	resident := peakResident(os.Getpid())
	service, err := kernel.OpenService(g.Namespace().FD())
	if err != nil {
		return err
	}
	defer service.Close()
	if err := service.Flush(ctx); err != nil {
		return err
	}
	if err := b.until(ctx, func() bool { return m.Table.Len() == 0 }); err != nil {
		return err
	}
	stop()
	if err := <-ran; err != nil {
		return err
	}
	st := m.Stats()
	fmt.Printf("%d flows made %s and then ended at once: %d events, %d lost, %d MiB resident\n",
		b.gen.Flows, (&bench{rate: b.gen.Rate}).speed(), st.Events, st.Lost, resident>>20)
	fmt.Printf("%-30s %12s %12s %12s %12s\n", "away from the queue", "longest ms", "over 1 ms", "over 5 ms", "times")
	for _, row := range []struct {
		name string
		t    *times
	}{{"by its CPU", &source.cpu}, {"by the clock", &source.wall}} {
		fmt.Printf("%-30s %12.2f %12d %12d %12d\n", row.name, row.t.longest.Seconds()*1e3, row.t.over1, row.t.over5, row.t.n)
	}
	return nil
}

// until waits for what the loop will have done soon.
func (b *pausesBench) until(ctx context.Context, done func() bool) error {
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(end) {
			return errors.New("some events are missing after a minute: were any lost?")
		}
	}
	return nil
}

// clocked is a capture that looks at the time between two calls: what its reader
// does with the events.
type clocked struct {
	capture.Capture
	cpu, wall times
}

func (c *clocked) Next(ctx context.Context, b *monitor.Batch) error {
	c.called()
	err := c.Capture.Next(ctx, b)
	c.returned()
	return err
}

func (c *clocked) Poll(b *monitor.Batch) error {
	c.called()
	err := c.Capture.Poll(b)
	c.returned()
	return err
}

func (c *clocked) called() {
	c.cpu.end(threadCPU())
	c.wall.end(time.Duration(time.Now().UnixNano()))
}

func (c *clocked) returned() {
	c.wall.begin(time.Duration(time.Now().UnixNano()))
	c.cpu.begin(threadCPU())
}

// times are the lengths of many spans on one clock.
type times struct {
	from, longest   time.Duration
	n, over1, over5 int
}

func (t *times) begin(now time.Duration) { t.from = now }

func (t *times) end(now time.Duration) {
	if t.from == 0 {
		return // the first call
	}
	d := now - t.from
	t.n++
	t.longest = max(t.longest, d)
	if d > time.Millisecond {
		t.over1++
	}
	if d > 5*time.Millisecond {
		t.over5++
	}
}

// threadCPU returns the CPU time of the calling thread.
func threadCPU() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		fatal(err)
	}
	return time.Duration(ts.Nano())
}
