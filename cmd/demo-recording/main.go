//go:build linux

// Command demo-recording records the demo inside natlens: the events of two minutes in
// the lab's gateway, as gzipped JSON lines. It needs no root. `make demo-recording` runs it.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/loop"
	"natlens/monitor/netns"
	"natlens/monitor/table"
)

func main() {
	var r recorder
	flag.StringVar(&r.path, "o", "monitor/replay/demo.jsonl.gz", "write to this file")
	flag.DurationVar(&r.before, "before", 45*time.Second, "time of traffic before the recording starts")
	flag.DurationVar(&r.length, "length", 2*time.Minute, "length of the recording")
	flag.Float64Var(&r.rate, "rate", 10, "new flows a second")
	flag.Uint64Var(&r.seed, "seed", 1, "seed of the traffic's choices")
	flag.Parse()
	if err := lab.Enter(); err != nil {
		fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := r.run(ctx); err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "demo-recording:", err)
	os.Exit(1)
}

type recorder struct {
	path           string
	before, length time.Duration
	rate           float64
	seed           uint64
}

func (r *recorder) run(ctx context.Context) error {
	l, err := lab.Build(ctx, lab.Config{Acct: true, Timestamp: true, Helpers: true, ShortTimeouts: true})
	if err != nil {
		return err
	}
	defer l.Close()
	var traffic sync.WaitGroup
	busy, stop := context.WithCancel(ctx)
	defer func() { stop(); traffic.Wait() }()
	// Listen before the first flow: with nf_conntrack_events=2, flows that began before
	// the first listener send no events.
	capture, err := capture.Open(capture.Config{
		Dump: kernel.Dump, Way: capture.Socket, NetNS: l.Gateway.FD(), Buffer: 16 << 20,
	})
	if err != nil {
		return err
	}
	defer capture.Close()
	traffic.Go(func() { l.Run(busy, lab.Traffic{Rate: r.rate, Seed: r.seed}) })
	if err := skim(ctx, capture, r.before); err != nil {
		return err
	}
	table := table.New(table.Config{})
	locals, err := netns.Locals(l.Gateway.FD())
	if err != nil {
		return err
	}
	table.SetLocals(locals)
	var text bytes.Buffer
	m := loop.Loop{
		Source: capture, Table: table, Sinks: []monitor.Sink{own{jsonl.NewWriter(&text)}}, Existing: loop.ExistingFirst,
	}
	recording, done := context.WithTimeout(ctx, r.length)
	defer done()
	if err := m.Run(recording); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if st := m.Stats(); st.Lost > 0 {
		return fmt.Errorf("%d events were lost: try again", st.Lost)
	}
	size, err := r.write(text.Bytes())
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d events, %d bytes\n", r.path, m.Stats().Events, size)
	return nil
}

// skim reads events and drops them.
func skim(ctx context.Context, src monitor.Source, d time.Duration) error {
	ctx, done := context.WithTimeout(ctx, d)
	defer done()
	for _, err := range monitor.Batches(ctx, src) {
		if err != nil && ctx.Err() != context.DeadlineExceeded {
			return err
		}
	}
	return nil
}

// own removes the recorder's own port id from the dump.
type own struct{ monitor.Sink }

func (o own) Write(b *monitor.Batch) error {
	for i := range b.Events {
		if e := &b.Events[i]; e.Kind == monitor.KindExisting {
			e.PortID = 0
		}
	}
	return o.Sink.Write(b)
}

// write compresses the lines. The file has no time and no name, so that the same lines
// make the same file.
func (r *recorder) write(text []byte) (size int, err error) {
	var compressed bytes.Buffer
	z, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return 0, err
	}
	if _, err := z.Write(text); err != nil {
		return 0, err
	}
	if err := z.Close(); err != nil {
		return 0, err
	}
	return compressed.Len(), os.WriteFile(r.path, compressed.Bytes(), 0o644)
}
