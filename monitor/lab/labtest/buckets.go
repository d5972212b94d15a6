//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// conntrackBuckets is the sysctl of the hash table that all network namespaces
// share.
const conntrackBuckets = "/proc/sys/net/netfilter/nf_conntrack_buckets"

// Buckets is the number of buckets of the host's hash table, held by one process
// at a time, together with nf_conntrack_max.
type Buckets struct {
	guard *exec.Cmd
	end   io.Closer // the guard's standard input
}

// HoldBuckets waits until nobody else holds the limits of the host's table, or
// until ctx ends. It is for root in the initial namespaces: elsewhere the error is
// ErrNotInitial. With few buckets the flows of all namespaces meet in long chains,
// and some can't begin: nothing else that counts on its flows may run beside it.
func HoldBuckets(ctx context.Context) (*Buckets, error) {
	if !InitialUserNS() {
		return nil, ErrNotInitial
	}
	lockfile, err := os.OpenFile(conntrackMax, os.O_RDWR, 0)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNotInitial, err)
	}
	if err != nil {
		return nil, err
	}
	defer lockfile.Close() // the guard has its own copy, and so the lock
	if err := lock(ctx, lockfile); err != nil {
		return nil, fmt.Errorf("wait for nf_conntrack_buckets: %w", err)
	}
	return guardBuckets(lockfile)
}

// guardBuckets starts a process that puts the number back as soon as this one
// closes its end of a pipe, also by dying.
func guardBuckets(lockfile *os.File) (*Buckets, error) {
	old, err := os.ReadFile(conntrackBuckets)
	if err != nil {
		return nil, err
	}
	const wait = `cat; echo "$1" > "$2"`
	cmd := exec.Command("/bin/sh", "-c", wait, "sh", strings.TrimSpace(string(old)), conntrackBuckets)
	cmd.ExtraFiles = []*os.File{lockfile}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no ^C ends it
	end, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Buckets{cmd, end}, nil
}

// Set makes the table one of so many buckets, which the kernel rounds up to whole
// pages: multiples of 512.
func (b *Buckets) Set(n int) error {
	if err := os.WriteFile(conntrackBuckets, []byte(strconv.Itoa(n)), 0); err != nil {
		return fmt.Errorf("set nf_conntrack_buckets to %d: %w", n, err)
	}
	return nil
}

// Close puts the old number back, and lets others hold it.
func (b *Buckets) Close() error {
	if err := b.end.Close(); err != nil {
		return err
	}
	if err := b.guard.Wait(); err != nil {
		return fmt.Errorf("put nf_conntrack_buckets back: %w", err)
	}
	return nil
}
