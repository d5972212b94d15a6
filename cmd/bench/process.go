//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"natlens/monitor/lab"
)

// command returns a command whose output replaces that of the previous one in b.out.
func (b *bench) command(ctx context.Context, args []string) (*exec.Cmd, error) {
	_, err := b.out.Seek(0, io.SeekStart)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = b.out, new(strings.Builder)
	return cmd, errors.Join(err, b.out.Truncate(0))
}

// startIn starts the command in the namespace and waits until it is idle, which means that it
// listens. rmem is net.core.rmem_default while it opens its socket; "" does not change it.
func startIn(ctx context.Context, ns *lab.Namespace, cmd *exec.Cmd, rmem string) (err error) {
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
	return waitIdle(ctx, cmd.Process.Pid)
}

// cpuOf returns the CPU time of the process so far: the first number of each thread's
// schedstat of proc(5).
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

// peakResident returns the peak resident memory of the process in MiB: VmHWM of proc(5),
// which unlike getrusage(2) begins with its exec.
func peakResident(pid int) (n int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Sscan(after, &n)
	return n >> 10
}

// waitIdle waits until the process uses less than 5 % of a core for half a second. The UI
// uses up to 3 % without events.
func waitIdle(ctx context.Context, pid int) error {
	for ctx.Err() == nil {
		before := cpuOf(pid)
		time.Sleep(500 * time.Millisecond)
		if cpuOf(pid)-before < 25*time.Millisecond {
			return nil
		}
	}
	return ctx.Err()
}
