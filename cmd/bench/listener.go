//go:build linux

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"natlens/monitor/lab/labtest"
)

// listener is one row of the table.
type listener struct {
	name  string
	args  []string
	out   string // file of its standard output; "" is /dev/null
	file  string // file with a line for each event, if not out
	count func(stderr string) (int64, bool)
	part  bool   // it wants only a part of the events
	rmem  string // net.core.rmem_default while it opens its socket; "" leaves that
	snat  bool   // the flows are translated
	hosts int    // number of inside hosts; 0: one host opens all flows
}

// listen prints the cost of each listener with flows at full speed.
func (b *bench) listen(ctx context.Context) error {
	speed := "at full speed"
	if b.rate > 0 {
		speed = fmt.Sprintf("at %d a second", b.rate)
	}
	var all []listener
	watch := func(way, name string, args ...string) listener {
		args = append([]string{b.natlens, "watch", "--capture", way}, args...)
		return listener{name: "natlens " + way + " " + name, args: args, count: natlensEvents}
	}
	toFile := func(l listener) listener {
		l.file, l.count = filepath.Join(b.dir, "events"), nil
		l.args = append(l.args, "--output", l.file)
		return l
	}
	for _, way := range []string{"ring", "socket"} {
		part := toFile(watch(way, "jsonl, 1 in 1,000 wanted", "-o", "jsonl", "udp", "dport", "1000-1012"))
		part.part = true
		all = append(all,
			toFile(watch(way, "jsonl", "-o", "jsonl")),
			toFile(watch(way, "conntrack", "-o", "conntrack")),
			watch(way, "no match", "-o", "jsonl", "mark", "999"),
			part)
	}
	record := []string{b.natlens, "record", filepath.Join(b.dir, "record.pcapng"), "--capture", "ring", "--force"}
	history := append(record, "--history", filepath.Join(b.dir, "history"))
	const raised = "268435456"
	out := filepath.Join(b.dir, "out")
	all = append(all,
		watch("ring", "no match, findings", "--findings", "-o", "jsonl", "mark", "999"),
		watch("ring", "no match, findings and metrics",
			"--findings", "--metrics", "127.0.0.1:0", "-o", "jsonl", "mark", "999"),
		listener{name: "natlens ring record, SNAT", count: natlensEvents, snat: true, args: record},
		listener{name: "natlens ring record --history, SNAT", count: natlensEvents, snat: true, args: history},
		listener{name: "conntrack -E", args: []string{"conntrack", "-E"}, out: out},
		listener{name: "conntrack -E, rmem_default raised", args: []string{"conntrack", "-E"}, out: out, rmem: raised},
		listener{name: "conntrack -E -o xml, rmem_default raised", out: out, rmem: raised,
			args: []string{"conntrack", "-E", "-o", "xml"}},
		listener{name: "ti-mo/conntrack Listen", args: []string{self(), timoListenArg}, count: timoEvents})
	return b.each(ctx, fmt.Sprintf("%d new flows %s", b.flows, speed), all, b.rate, 0)
}

// listenStalled prints what is lost if the listeners are stopped for a while. All have
// queues of the same size.
func (b *bench) listenStalled(ctx context.Context) error {
	const queue = "67108864"
	title := fmt.Sprintf("%d new flows, stopped for %s half a second after the first one, 64 MiB of queue",
		b.flows, b.stall)
	watch := func(way string, args ...string) listener {
		f := filepath.Join(b.dir, "events")
		args = append([]string{b.natlens, "watch", "--resync", "off", "--capture", way, "-o", "jsonl"}, args...)
		args = append(args, "--output", f)
		return listener{name: "natlens " + way, file: f, args: args}
	}
	return b.each(ctx, title, []listener{
		watch("ring", "--ring", queue),
		watch("socket", "--buffer-size", "33554432"), // the kernel doubles the number
		{name: "conntrack -E, rmem_default raised", out: filepath.Join(b.dir, "out"), rmem: queue,
			args: []string{"conntrack", "-E"}},
	}, 0, b.stall)
}

// each prints a table with a row for each listener.
func (b *bench) each(ctx context.Context, title string, all []listener, rate int, stall time.Duration) error {
	t := newTable(title, "listener", "µs CPU/event", "delivered", "lost", "reported lost", "peak MiB", "flows/s")
	defer t.Flush()
	for _, l := range all {
		if !b.wanted(t, l.name, l.args[0]) {
			continue
		}
		r, err := l.measure(ctx, labtest.GenConfig{Flows: b.flows, Rate: rate, Sources: l.hosts}, stall)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		lost, reported := any(int64(r.made.Flows)-r.delivered), any("-")
		if l.part {
			lost = "-"
		}
		if n, ok := numberBefore(r.stderr, " lost,"); ok {
			reported = n
		}
		speed := int(float64(r.made.Flows) / r.made.Elapsed.Seconds())
		t.row(l.name, l.perEvent(r), r.delivered, lost, reported, r.peak>>20, speed)
	}
	return nil
}

// result is the cost of one listener.
type result struct {
	made      labtest.Made
	delivered int64
	cpu       time.Duration // without its start
	peak      int64         // resident bytes
	stderr    string
}

// perEvent returns µs of CPU for each event: each delivered event, or each that the kernel
// made if the listener wants only a part.
func (l *listener) perEvent(r *result) float64 {
	if l.part {
		return float64(r.cpu.Microseconds()) / float64(r.made.Flows)
	}
	return float64(r.cpu.Microseconds()) / float64(max(r.delivered, 1))
}

// measure runs the listener while flows are made. A stall stops the listener half a
// second after the first flow.
func (l *listener) measure(ctx context.Context, gen labtest.GenConfig, stall time.Duration) (*result, error) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{SNAT: l.snat})
	if err != nil {
		return nil, err
	}
	defer g.Close()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, l.args[0], l.args[1:]...)
	cmd.Stderr = &stderr
	if l.out != "" {
		f, err := os.Create(l.out)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		cmd.Stdout = f
	}
	err = startIn(g.Namespace(), cmd, l.rmem)
	if cmd.Process != nil {
		defer cmd.Process.Kill() // after an error
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	pid := cmd.Process.Pid
	if err := waitIdle(ctx, pid); err != nil {
		return nil, err
	}
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
	made, err := g.Generate(ctx, gen)
	stalled.Wait()
	if err == nil {
		err = waitIdle(ctx, pid)
	}
	peak := peakResident(pid)
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if err != nil {
		return nil, err
	}
	r := &result{made: made, peak: peak, stderr: stderr.String()}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() - startUp
	r.delivered, err = l.delivered(r.stderr)
	return r, err
}

// delivered returns the number of events that the listener got.
func (l *listener) delivered(stderr string) (int64, error) {
	if l.count != nil {
		n, ok := l.count(stderr)
		if !ok {
			return 0, fmt.Errorf("no number of events in %q", stderr)
		}
		return n, nil
	}
	path := cmp.Or(l.file, l.out)
	defer os.Remove(path)
	return countEvents(path)
}

// countEvents counts the events in a file of JSON lines, or of conntrack(8)'s lines or
// XML. Inferred events were not delivered.
func countEvents(path string) (n int64, err error) {
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
			n += int64(bytes.Count(line, []byte("</flow>")))
		default:
			n++
		}
	}
	return n, lines.Err()
}

// numberBefore returns the number in front of the last occurrence of a text.
func numberBefore(s, text string) (n int64, ok bool) {
	i := strings.LastIndex(s, text)
	if i < 0 {
		return 0, false
	}
	_, err := fmt.Sscan(s[strings.LastIndexByte(s[:i], ' ')+1:], &n)
	return n, err == nil
}

// natlensEvents returns the number of events in natlens's summary.
func natlensEvents(stderr string) (int64, bool) { return numberBefore(stderr, " events, ") }
