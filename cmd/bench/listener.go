//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"natlens/monitor/lab/labtest"
)

// listener is one row of a table: a listener, or a command of the tables of commands.
type listener struct {
	name    string
	args    []string
	summary bool   // the number of events is in its summary; otherwise its output is counted
	part    bool   // it selects only a part of the events
	snat    bool   // the flows have SNAT
	rmem    string // net.core.rmem_default while it opens its socket; "" does not change it
}

func (b *bench) watch(way, name string, args ...string) listener {
	args = append([]string{b.natlens, "watch", "--capture", way}, args...)
	return listener{name: "natlens " + way + " " + name, args: args}
}

// listen prints the cost of each listener with flows at full speed.
func (b *bench) listen(ctx context.Context) error {
	speed := "at full speed"
	if b.rate > 0 {
		speed = fmt.Sprintf("at %d a second", b.rate)
	}
	var all []listener
	for _, way := range []string{"ring", "socket"} {
		part := b.watch(way, "jsonl, 1 in 1,000 wanted", "-o", "jsonl", "udp", "dport", "1000-1012")
		part.part = true
		nothing := b.watch(way, "no match", "-o", "jsonl", "mark", "999")
		nothing.summary = true
		all = append(all,
			b.watch(way, "jsonl", "-o", "jsonl"), b.watch(way, "conntrack", "-o", "conntrack"), nothing, part)
	}
	for _, with := range [][]string{{"--findings"}, {"--findings", "--metrics", "127.0.0.1:0"}} {
		l := b.watch("ring", "no match, "+strings.Join(with, " "), append(with, "-o", "jsonl", "mark", "999")...)
		l.summary = true
		all = append(all, l)
	}
	record := []string{b.natlens, "record", filepath.Join(b.dir, "record.pcapng"), "--capture", "ring", "--force"}
	history := append(record, "--history", filepath.Join(b.dir, "history"))
	const raised = "268435456"
	return b.each(ctx, fmt.Sprintf("%d new flows %s", b.flows, speed), b.rate, 0, append(all,
		listener{name: "natlens ring record, SNAT", summary: true, snat: true, args: record},
		listener{name: "natlens ring record --history, SNAT", summary: true, snat: true, args: history},
		listener{name: "conntrack -E", args: []string{"conntrack", "-E"}},
		listener{name: "conntrack -E, rmem_default raised", rmem: raised, args: []string{"conntrack", "-E"}},
		listener{name: "conntrack -E -o xml, rmem_default raised", rmem: raised,
			args: []string{"conntrack", "-E", "-o", "xml"}}))
}

// listenStalled prints what is lost while the listeners are stopped. All have queues of the
// same size.
func (b *bench) listenStalled(ctx context.Context) error {
	title := fmt.Sprintf("%d new flows, stopped for %s half a second after the first one, 64 MiB of queue",
		b.flows, b.stall)
	const queue, half = "67108864", "33554432" // the kernel doubles the buffer size that a socket asks for
	return b.each(ctx, title, 0, b.stall, []listener{
		b.watch("ring", "jsonl", "--resync", "off", "-o", "jsonl", "--ring", queue),
		b.watch("socket", "jsonl", "--resync", "off", "-o", "jsonl", "--buffer-size", half),
		{name: "conntrack -E, rmem_default raised", rmem: queue, args: []string{"conntrack", "-E"}},
	})
}

// each prints a table with a row for each listener.
func (b *bench) each(ctx context.Context, title string, rate int, stall time.Duration, all []listener) error {
	t := newTable(title, "listener", "µs CPU/event", "delivered", "lost", "reported lost", "peak MiB", "flows/s")
	defer t.Flush()
	for _, l := range all {
		if !b.wanted(t, l.name, l.args[0]) {
			continue
		}
		r, err := b.measure(ctx, &l, rate, stall)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		lost, reported, events := any(r.made.Flows-r.delivered), any("-"), max(r.delivered, 1)
		if l.part {
			lost, events = "-", r.made.Flows
		}
		if n, ok := numberBefore(r.stderr, " lost,"); ok {
			reported = n
		}
		t.row(l.name, float64(r.cpu.Microseconds())/float64(events), r.delivered, lost, reported, r.peak,
			int(float64(r.made.Flows)/r.made.Elapsed.Seconds()))
	}
	return nil
}

// result is the cost of one listener.
type result struct {
	made      labtest.Made
	delivered int
	cpu       time.Duration // without the CPU time of its start
	peak      int64         // resident MiB
	stderr    string
}

// measure runs the listener while flows are made. A stall stops the listener half a
// second after the first flow.
func (b *bench) measure(ctx context.Context, l *listener, rate int, stall time.Duration) (r result, err error) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{SNAT: l.snat})
	if err != nil {
		return r, err
	}
	defer g.Close()
	cmd, err := b.command(ctx, l.args)
	if err == nil {
		err = startIn(ctx, g.Namespace(), cmd, l.rmem)
	}
	if cmd.Process != nil {
		defer cmd.Process.Kill() // after an error
	}
	if err != nil {
		return r, fmt.Errorf("%w: %s", err, cmd.Stderr)
	}
	pid := cmd.Process.Pid
	startUp := cpuOf(pid)
	var stalled sync.WaitGroup
	if stall > 0 {
		stalled.Go(func() {
			time.Sleep(500 * time.Millisecond)
			cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(stall)
			cmd.Process.Signal(syscall.SIGCONT)
		})
	}
	r.made, err = g.Generate(ctx, labtest.GenConfig{Flows: b.flows, Rate: rate})
	stalled.Wait()
	if err == nil {
		err = waitIdle(ctx, pid)
	}
	if err != nil {
		return r, err
	}
	r.peak = peakResident(pid)
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() - startUp
	r.stderr = fmt.Sprint(cmd.Stderr)
	if !l.summary {
		r.delivered, err = countEvents(b.out.Name())
	} else if delivered, ok := numberBefore(r.stderr, " events, "); ok {
		r.delivered = delivered
	} else {
		err = fmt.Errorf("no number of events in %q", r.stderr)
	}
	return r, err
}

// countEvents counts the events in a file of JSON lines, or of conntrack(8)'s lines or
// XML. Inferred events were not delivered.
func countEvents(path string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch line := lines.Bytes(); {
		case bytes.HasPrefix(line, []byte("{")):
			if bytes.Contains(line, []byte(`"event":"new"`)) && !bytes.Contains(line, []byte(`"inferred":true`)) {
				n++
			}
		case bytes.HasPrefix(line, []byte("<")):
			n += bytes.Count(line, []byte("</flow>"))
		default:
			n++
		}
	}
	return n, lines.Err()
}

// numberBefore returns the number before the last occurrence of text in s.
func numberBefore(s, text string) (n int, ok bool) {
	i := strings.LastIndex(s, text)
	if i < 0 {
		return 0, false
	}
	_, err := fmt.Sscan(s[strings.LastIndexByte(s[:i], ' ')+1:], &n)
	return n, err == nil
}
