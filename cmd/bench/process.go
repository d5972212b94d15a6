//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"natlens/monitor/lab"
)

// startIn starts the command in the namespace and waits until it listens. rmem is
// net.core.rmem_default while it opens its socket; "" leaves that.
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

// listening reports whether the process's namespace has a netlink socket of netfilter
// that is a member of the group of NEW.
func listening(pid int) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/net/netlink", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		// sk Eth Pid Groups …
		field := strings.Fields(s.Text())
		if len(field) > 3 && field[1] == "12" && strings.ContainsAny(field[3][len(field[3])-1:], "13579bdf") {
			return true
		}
	}
	return false
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

// peakResident returns the peak resident memory of the process in bytes: VmHWM of
// proc(5), which unlike getrusage(2) begins with its exec.
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

// waitIdle waits until the process uses less than 1 % of a core for half a second.
func waitIdle(ctx context.Context, pid int) error {
	for ctx.Err() == nil {
		before := cpuOf(pid)
		time.Sleep(500 * time.Millisecond)
		if cpuOf(pid)-before < 5*time.Millisecond {
			return nil
		}
	}
	return ctx.Err()
}
