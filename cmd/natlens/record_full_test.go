//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

// onDisk starts natlens with a file system of so many bytes at dir that is mounted
// for it alone, with a file "ballast" of so many KiB. The root is where that file
// system is seen from here.
func onDisk(t *testing.T, dir string, size, ballast int, args ...string) (cmd *exec.Cmd, stderr *clitest.Buffer, root string) {
	t.Helper()
	cmd, stderr = natlens(args...), new(clitest.Buffer)
	cmd.Stderr = stderr
	err := onThread(func() error {
		if err := mountSize(dir, size); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, ballast<<10), 0o600); err != nil {
			return err
		}
		return cmd.Start()
	})
	if err != nil {
		t.Skipf("no file system of one's own here: %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, stderr, fmt.Sprintf("/proc/%d/root", cmd.Process.Pid)
}

// TestRecordOnFullDisk fills the disk while natlens records: it says so, goes on,
// and once there is room so does the recording, with the missing events counted in the
// number. Nothing before and nothing after it is lost.
func TestRecordOnFullDisk(t *testing.T) {
	l := labtest.New(t)
	for _, name := range []string{"x.pcapng", "x.pcapng.zst"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		// What the ballast leaves is soon full. What it takes has room for the largest batch.
		cmd, stderr, root := onDisk(t, dir, 1<<20, 1000, "record", path, "--netns", l.Gateway.Path())
		says := func(text string) func() bool { return func() bool { return strings.Contains(stderr.String(), text) } }
		labtest.WaitFor(t, "natlens to listen", says("natlens: capture: "))
		labtest.WaitFor(t, "the disk to be full", func() bool { labtest.FlowsUDP(t, l, 50); return says("until there is space")() })
		labtest.WaitFor(t, "events to be missed", func() bool { labtest.FlowsUDP(t, l, 50); return true })
		if err := os.Remove(filepath.Join(root, dir, "ballast")); err != nil {
			t.Fatal(err)
		}
		labtest.WaitFor(t, "room", func() bool { labtest.FlowsUDP(t, l, 1); return says("space again")() })
		labtest.FlowsUDP(t, l, 5)
		// The file ends with the mount namespace: it is kept open.
		file, err := os.Open(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		want := regexp.MustCompile(fmt.Sprintf(`natlens: output file %s: no space left on device; it keeps all up to byte \d+; events are not recorded until there is space
natlens: there is space again: [\d,]+ events? lost between .*, as the recording says
natlens: (\d+) events, \d+ shown, 0 lost, [^,]+ written in [^,]+, (\d+) not recorded because the disk was full`, path))
		said := want.FindStringSubmatch(stderr.String())
		if said == nil || cmd.ProcessState.ExitCode() != 0 {
			t.Fatalf("%s: code %d, standard error\n%s", name, cmd.ProcessState.ExitCode(), stderr.String())
		}
		again := call(t.Context(), cli.Console{}, "watch", "--quiet", "-o", "jsonl", "--from", fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
		seq, missing := 0, 0
		for _, line := range clitest.Lines(t, again.stdout.String()) {
			if line["event"] == "lost" {
				missing = int(line["count"].(float64))
				seq += missing
			} else {
				seq++
			}
			if int(line["seq"].(float64)) != seq {
				t.Fatalf("%s: number %v in place of %d", name, line["seq"], seq)
			}
		}
		if fmt.Sprint(seq) != said[1] || fmt.Sprint(missing) != said[2] || missing < 50 || again.code != 0 || again.stderr.String() != "" {
			t.Errorf("%s: %d events with %d missing, of %s; code %d, %s", name, seq, missing, said[0], again.code, again.stderr.String())
		}
	}
}

// TestRecordStaysFull ends a recording while the disk is full.
func TestRecordStaysFull(t *testing.T) {
	l := labtest.New(t)
	dir := t.TempDir()
	cmd, stderr, _ := onDisk(t, dir, 64<<10, 44, "record", filepath.Join(dir, "x.pcapng"), "--netns", l.Gateway.Path())
	labtest.WaitFor(t, "the disk to be full", func() bool {
		labtest.FlowsUDP(t, l, 50)
		return strings.Contains(stderr.String(), "until there is space")
	})
	labtest.FlowsUDP(t, l, 50)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	want := regexp.MustCompile(`[1-9]\d+ not recorded because the disk was full
natlens: .* no space left on device; it keeps whole lines up to byte \d+; [1-9]\d+ events are not in the recording`)
	if !want.MatchString(stderr.String()) || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("code %d, standard error\n%s", cmd.ProcessState.ExitCode(), stderr.String())
	}
}
