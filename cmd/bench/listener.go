//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// listener is one row of the table.
type listener struct {
	name  string
	args  []string
	out   string // file that its standard output goes to; "" is /dev/null
	file  string // file that holds a line an event, if not out
	count func(*result) (uint64, error)
	share int    // it wants one event in so many; 0: all
	rmem  string // net.core.rmem_default while it opens its socket; "" leaves it
	snat  bool   // the flows are translated
	hosts int    // of so many inside hosts; 0: all of one
}

func listeners(natlens, dir string) []listener {
	file := func(name string) string { return filepath.Join(dir, name) }
	var all []listener
	for _, way := range []string{"ring", "socket"} {
		for _, format := range []string{"jsonl", "conntrack"} {
			f := file(way + "." + format)
			all = append(all, listener{name: "natlens " + way + " " + format, file: f,
				args: []string{natlens, "watch", "--capture", way, "-o", format, "--output", f}})
		}
		all = append(all, listener{name: "natlens " + way + " no match", count: natlensEvents,
			args: []string{natlens, "watch", "--capture", way, "-o", "jsonl", "mark", "999"}})
	}
	for _, way := range []string{"ring", "socket"} {
		f := file(way + ".share")
		all = append(all, listener{name: "natlens " + way + " jsonl, 1 in 1,000 wanted", file: f, share: 1000,
			args: []string{natlens, "watch", "--capture", way, "-o", "jsonl", "--output", f, "udp", "dport", "1000-1012"}})
	}
	all = append(all, listener{name: "natlens ring no match, findings", count: natlensEvents,
		args: []string{natlens, "watch", "--capture", "ring", "--findings", "-o", "jsonl", "mark", "999"}})
	all = append(all, listener{name: "natlens ring no match, findings and metrics", count: natlensEvents,
		args: []string{natlens, "watch", "--capture", "ring", "--findings", "--metrics", "127.0.0.1:0", "-o", "jsonl", "mark", "999"}})
	record := []string{natlens, "record", file("record.pcapng"), "--capture", "ring", "--force"}
	all = append(all,
		listener{name: "natlens ring record, SNAT", count: natlensEvents, snat: true, args: record},
		listener{name: "natlens ring record --history, SNAT", count: natlensEvents, snat: true, args: append(record, "--history", file("history"))})
	const raised = "268435456"
	return append(all,
		listener{name: "conntrack -E", args: []string{"conntrack", "-E"}, out: file("ct")},
		listener{name: "conntrack -E, rmem_default raised", args: []string{"conntrack", "-E"}, out: file("ctr"), rmem: raised},
		listener{name: "conntrack -E -o xml, rmem_default raised", args: []string{"conntrack", "-E", "-o", "xml"}, out: file("ctx"), rmem: raised},
		listener{name: "ti-mo/conntrack Listen", args: []string{self(), timoListenArg}, count: timoEvents},
	)
}

// stalledListeners are those that are compared when they stall, with as much
// memory for what they do not read meanwhile.
func stalledListeners(natlens, dir string) []listener {
	const queue = "67108864"
	watch := func(way string, args ...string) listener {
		f := filepath.Join(dir, way+".stalled")
		args = append([]string{natlens, "watch", "--resync", "off", "--capture", way, "-o", "jsonl", "--output", f}, args...)
		return listener{name: "natlens " + way, file: f, args: args}
	}
	return []listener{
		watch("ring", "--ring", queue),
		// The kernel doubles what it is asked for.
		watch("socket", "--buffer-size", "33554432"),
		{name: "conntrack -E, rmem_default raised", args: []string{"conntrack", "-E"}, out: filepath.Join(dir, "ct.stalled"), rmem: queue},
	}
}

func self() string {
	path, err := os.Executable()
	if err != nil {
		fatal(err)
	}
	return path
}

// result is what one listener cost.
type result struct {
	made, delivered uint64
	share           int
	told            int64         // lost events by the listener's own word; -1: it tells none
	cpu             time.Duration // from when it listened, and had begun, to its end
	peak            int64         // bytes resident
	speed           int64         // flows a second
	stderr          string
}

// perEvent is the CPU for each event that the listener got, in µs; for each that
// the kernel made, if it wants but a share of them.
func (r *result) perEvent() float64 {
	if r.share > 0 {
		return float64(r.cpu.Microseconds()) / float64(r.made)
	}
	return float64(r.cpu.Microseconds()) / float64(max(r.delivered, 1))
}

func (r *result) lost() int64 { return int64(r.made) - int64(r.delivered) }

// lostText says how many events were lost, and how many of these untold.
func (r *result) lostText() string {
	switch {
	case r.share > 0:
		return fmt.Sprintf("told %d", r.told)
	case r.told < 0 && r.lost() > 0:
		return fmt.Sprintf("%d, not told", r.lost())
	case r.told >= 0 && r.told != r.lost():
		return fmt.Sprintf("%d, told %d", r.lost(), r.told)
	}
	return fmt.Sprint(r.lost())
}

// measure runs one listener beside the generator and reads its accounts.
//
// A stall stops it for so long, half a second after the first flow.
func measure(ctx context.Context, l listener, gen labtest.GenConfig, stall time.Duration) (*result, error) {
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
		defer cmd.Process.Kill() // where it is not ended below
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	if err := waitIdle(ctx, cmd.Process.Pid); err != nil {
		return nil, err
	}
	startUp := cpuOf(cmd.Process.Pid)
	if stall > 0 {
		stalled := time.AfterFunc(500*time.Millisecond, func() {
			cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(stall)
			cmd.Process.Signal(syscall.SIGCONT)
		})
		defer stalled.Stop()
	}
	gen.Sources = l.hosts
	made, err := g.Spawn(ctx, gen)
	if err == nil && stall > 0 {
		err = waitRunning(ctx, cmd.Process.Pid)
	}
	if err == nil {
		err = waitIdle(ctx, cmd.Process.Pid)
	}
	peak := peakResident(cmd.Process.Pid)
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if err != nil {
		return nil, err
	}
	r := &result{
		made: uint64(made.Flows), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() - startUp,
		peak: peak, speed: int64(float64(made.Flows) / made.Elapsed.Seconds()), stderr: stderr.String(),
	}
	r.told, r.share = toldLost(r.stderr), l.share
	r.delivered, err = l.delivered(r)
	return r, err
}

// startIn starts the command in the namespace and waits until it listens.
func startIn(ns *lab.Namespace, cmd *exec.Cmd, rmem string) (err error) {
	if rmem != "" {
		const path = "/proc/sys/net/core/rmem_default"
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(rmem), 0); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.WriteFile(path, old, 0)) }()
	}
	if err := ns.Do(cmd.Start); err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if listening(cmd.Process.Pid) {
			return nil
		}
	}
	return fmt.Errorf("%s does not listen", cmd.Args[0])
}

// listening reports whether the process's namespace has a netlink socket of
// netfilter's that has joined the group of NEW.
func listening(pid int) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/net/netlink", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		// sk Eth Pid Groups …
		if field := strings.Fields(s.Text()); len(field) > 3 && field[1] == "12" && strings.ContainsAny(field[3][len(field[3])-1:], "13579bdf") {
			return true
		}
	}
	return false
}

// cpuOf returns the CPU that the process has used so far, to the nanosecond:
// the first number of each thread's schedstat of proc(5).
func cpuOf(pid int) (sum time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		var ns int64
		if text, err := os.ReadFile(f); err == nil {
			fmt.Sscan(string(text), &ns)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// peakResident returns the most memory that the process has had resident, in
// bytes (VmHWM of proc(5): what it had before its exec does not count).
func peakResident(pid int) (n int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
		fmt.Sscan(after, &n)
	}
	return n << 10
}

// waitRunning waits until the process is no longer stopped.
func waitRunning(ctx context.Context, pid int) error {
	for ctx.Err() == nil {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return err
		}
		if !bytes.Contains(stat, []byte(") T ")) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ctx.Err()
}

// toldLost reads from natlens's summary how many events it knows to be lost.
func toldLost(stderr string) (n int64) {
	before, _, ok := strings.Cut(stderr, " lost,")
	if !ok {
		return -1
	}
	if _, err := fmt.Sscan(before[strings.LastIndexByte(before, ' ')+1:], &n); err != nil {
		return -1
	}
	return n
}

// waitIdle waits until the process has used no CPU for a while.
func waitIdle(ctx context.Context, pid int) error {
	last, since := "", time.Now()
	for ctx.Err() == nil {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return err
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))
		if now := fields[12] + " " + fields[13]; now != last { // utime, stime
			last, since = now, time.Now()
		}
		if time.Since(since) > 500*time.Millisecond {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return ctx.Err()
}

// delivered counts the events that the listener got.
func (l *listener) delivered(r *result) (uint64, error) {
	if l.count != nil {
		return l.count(r)
	}
	path := l.file
	if path == "" {
		path = l.out
	}
	defer os.Remove(path)
	return countEvents(path)
}

// countEvents counts the events in a file of JSON lines, conntrack(8)'s lines or
// its XML. What a reconciliation inferred was not delivered.
func countEvents(path string) (n uint64, err error) {
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
			n += uint64(bytes.Count(line, []byte("</flow>")))
		default:
			n++
		}
	}
	return n, lines.Err()
}

// natlensEvents reads the events that natlens saw from its summary.
func natlensEvents(r *result) (n uint64, err error) {
	i := strings.LastIndex(r.stderr[:max(0, strings.LastIndex(r.stderr, " events, "))], " ")
	_, err = fmt.Sscan(r.stderr[i+1:], &n)
	return n, err
}
