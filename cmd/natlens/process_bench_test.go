//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

// BenchmarkProcess compares pairs of runs of natlens watch, with --process and without, while
// half of 200,000 forwarded flows, 100,000 a second, come from each of two addresses. None, one or
// both belong to a container, which has a cgroup and a network namespace.
func BenchmarkProcess(b *testing.B) {
	one, two := "198.18.0.2", "198.18.0.3"
	for name, addrs := range map[string][]string{"none": nil, "half": {one}, "all": {one, two}} {
		b.Run(name, func(b *testing.B) {
			for i, addr := range addrs {
				startContainer(b, i, addr)
			}
			var without, ratios []float64
			for range b.N {
				first, second := costOfForwarded(b), costOfForwarded(b, "--process")
				without, ratios = append(without, first), append(ratios, second/first)
			}
			slices.Sort(without)
			slices.Sort(ratios)
			b.ReportMetric(without[b.N/2], "µs/event")
			b.ReportMetric(ratios[b.N/2], "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// startContainer starts a process in a cgroup as Docker names them, and in a network namespace with
// an address.
func startContainer(b *testing.B, i int, addr string) {
	mount, err := exec.Command("findmnt", "-n", "-t", "cgroup2", "-o", "TARGET").Output()
	if err != nil {
		b.Skip("no cgroup can be made here: ", err)
	}
	dir := fmt.Sprintf("%s/docker-%064x.scope", strings.TrimSpace(string(mount)), i+1)
	cmd := exec.Command("unshare", "--net", "sh", "-c", `ip link set lo up && ip addr add $1 dev lo && mkdir $0 &&
		echo $$ >$0/cgroup.procs && echo ready && exec sleep infinity`, dir, addr)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait(); os.Remove(dir) })
	if n, err := out.Read(make([]byte, 16)); n == 0 {
		b.Fatal(err)
	}
}

// costOfForwarded returns the CPU time of natlens for a forwarded event, in µs.
func costOfForwarded(b *testing.B, more ...string) float64 {
	const flows, rate = 200_000, 100_000 // fewer than nf_conntrack_max is by default
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	cmd := natlens(append([]string{"watch", "--capture", "ring", "--ring", "64MiB", "mark", "999"}, more...)...)
	var stderr clitest.Buffer
	cmd.Stderr = &stderr
	if err := g.Namespace().Do(cmd.Start); err != nil {
		b.Fatal(err)
	}
	defer cmd.Process.Kill()
	for !strings.Contains(stderr.String(), "natlens: capture: ") {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(500 * time.Millisecond)
	began := cpuTime(cmd.Process.Pid)
	for base := 1; base <= 2; base++ { // addresses that the namespace does not have: their flows are forwarded
		if _, err := g.Generate(b.Context(), labtest.GenConfig{Flows: flows / 2, Rate: rate, Base: base}); err != nil {
			b.Fatal(err)
		}
	}
	time.Sleep(200 * time.Millisecond)
	cost := cpuTime(cmd.Process.Pid) - began
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if want := fmt.Sprintf("natlens: %d events, 0 shown, 0 lost", flows); !strings.Contains(stderr.String(), want) {
		b.Fatalf("%s, want %s", stderr.String(), want)
	}
	return float64(cost.Microseconds()) / flows
}

// cpuTime returns the CPU time of a process: the first number of each thread's schedstat.
func cpuTime(pid int) (sum time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		var ns time.Duration
		if text, err := os.ReadFile(f); err == nil {
			fmt.Sscan(string(text), &ns)
		}
		sum += ns
	}
	return sum
}
