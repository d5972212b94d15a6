//go:build linux

// Command demo-recording records the demo that natlens contains: the events of two minutes in
// the lab's gateway, as gzipped JSON lines. It needs no root. `make demo-recording` runs it.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/lab"
	"natlens/monitor/live"
	"natlens/monitor/loop"
)

// The recording has this length. It begins after traffic has run for the time before.
const (
	before = 45 * time.Second
	length = 2 * time.Minute
	rate   = 10 // new flows a second
)

func main() {
	path := flag.String("o", "monitor/replay/demo.jsonl.gz", "write to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := lab.Enter()
	if err == nil {
		err = record(ctx, *path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo-recording:", err)
		os.Exit(1)
	}
}

func record(ctx context.Context, path string) error {
	l, err := lab.Build(ctx, lab.Config{Acct: true, Timestamp: true, Helpers: true, ShortTimeouts: true})
	if err != nil {
		return err
	}
	defer l.Close()
	// Listen before the first flow: with nf_conntrack_events=2 the kernel sends no events for
	// flows that began before the first listener.
	run, err := live.Open(live.Config{
		Capture:  capture.Config{Way: capture.Socket, NetNS: l.Gateway.FD(), Buffer: 16 << 20},
		Existing: loop.ExistingFirst,
		Filter: func(e *monitor.Event) bool {
			if e.Kind == monitor.KindExisting {
				e.PortID = 0 // the id of this program's dump, which differs in each run
			}
			return true
		},
	})
	if err != nil {
		return err
	}
	defer run.Close()
	var traffic sync.WaitGroup
	busy, stop := context.WithCancel(ctx)
	defer func() { stop(); traffic.Wait() }()
	traffic.Go(func() { l.Run(busy, lab.Traffic{Rate: rate, Seed: 1}) })
	if err := skip(ctx, run.Capture); err != nil {
		return err
	}
	// Leave time and name out of the gzip header, so that the same lines make the same file.
	var compressed bytes.Buffer
	z, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return err
	}
	run.Sink(jsonl.NewWriter(z), nil)
	recording, done := context.WithTimeout(ctx, length)
	defer done()
	if err := errors.Join(run.Run(recording), z.Close(), ctx.Err()); err != nil {
		return err
	}
	st := run.Loop.Stats()
	if st.Lost > 0 {
		return fmt.Errorf("%d events were lost: try again", st.Lost)
	}
	fmt.Printf("%s: %d events, %d bytes\n", path, st.Events, compressed.Len())
	return os.WriteFile(path, compressed.Bytes(), 0o644)
}

// skip reads and drops the events of the time before. It returns an error if ctx ends earlier.
func skip(ctx context.Context, src monitor.Source) error {
	until, done := context.WithTimeout(ctx, before)
	defer done()
	for _, err := range monitor.Batches(until, src) {
		if err != nil && until.Err() == nil {
			return err
		}
	}
	return ctx.Err()
}
