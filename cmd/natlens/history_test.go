//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestHistoryOnFullDisk fills the disk under a history: the stream goes on, standard
// error says so, and once there is room nothing of it is missing.
func TestHistoryOnFullDisk(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{Sysctls: briefLives})
	dir := t.TempDir()
	history := filepath.Join(dir, "history")
	cmd, stderr, root := onDisk(t, dir, 8<<20, 300, "record", "--history", history, "--netns", l.Gateway.Path())
	says := func(text string) func() bool { return func() bool { return strings.Contains(stderr.String(), text) } }
	labtest.WaitFor(t, "natlens to listen", says("natlens: capture: "))
	// How many flows there are: a port may come again within a life.
	ctx, end := context.WithCancel(t.Context())
	beside := begin(t, ctx, l, cli.Console{}, "watch", "-e", "new", "-o", "jsonl", "udp")
	labtest.FlowsUDP(t, l, 20)
	// Whatever is left of the disk, to the last block.
	fill, err := os.Create(filepath.Join(root, dir, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := fill.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	fill.Close()
	labtest.WaitFor(t, "writing to fail", func() bool { labtest.FlowsUDP(t, l, 50); return says("translations are held in memory")() })
	for _, name := range []string{"ballast", "fill"} {
		if err := os.Remove(filepath.Join(root, dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	labtest.WaitFor(t, "writing to go on", func() bool { labtest.FlowsUDP(t, l, 1); return says("writing works again")() })
	end()
	beside.end(t)
	flows := strings.Count(beside.stdout.String(), "\n")
	kept, err := os.OpenRoot(filepath.Join(root, history)) // ends with the process otherwise
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("code %d, %s", cmd.ProcessState.ExitCode(), stderr.String())
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, kept.FS()); err != nil {
		t.Fatal(err)
	}
	c := call(t.Context(), cli.Console{}, "who", "--inside", "192.168.77.2", "-p", "udp", "--history", copied, "-o", "jsonl")
	lines := c.stdout.String()
	// A flow that is in the first dump although its NEW comes later is certain too: it counts as begun before.
	if n := strings.Count(lines, `"inside"`); n != flows || c.code != 0 || !strings.Contains(lines, `"uncertain":0,`) {
		t.Errorf("code %d, %d translations of %d: %s\n%s", c.code, n, flows, c.stderr.String(), lines[max(0, len(lines)-400):])
	}
	if t.Failed() {
		for line := range strings.Lines(lines) {
			if strings.Contains(line, `"doubt":[`) {
				t.Logf("doubtful: %s", line)
			}
		}
	}
}
