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
	"time"

	"golang.org/x/sys/unix"
)

// The sysctls that bound the conntrack tables of all network namespaces.
const (
	conntrackMax     = "/proc/sys/net/netfilter/nf_conntrack_max"
	conntrackBuckets = "/proc/sys/net/netfilter/nf_conntrack_buckets"
)

// ErrNotInitial is the error of HoldLimits outside the initial namespaces.
var ErrNotInitial = errors.New("nf_conntrack_max and nf_conntrack_buckets need root in the initial namespaces")

// Limits are nf_conntrack_max and nf_conntrack_buckets of the host, held by one process
// at a time.
type Limits struct {
	guard *exec.Cmd
	end   io.WriteCloser // the guard's standard input
}

// HoldLimits waits until no other process holds the limits, or until ctx ends. Close
// restores the old values; they are restored even if this process is killed. With few
// buckets the flows of all namespaces share long chains, and some new flows are
// dropped: run nothing beside it that counts its flows.
func HoldLimits(ctx context.Context) (*Limits, error) {
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
	defer lockfile.Close() // the guard keeps a duplicate, and so the lock
	for {
		err := unix.Flock(int(lockfile.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return guardLimits(lockfile)
		}
		if err == unix.EWOULDBLOCK {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("wait for the limits of conntrack: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// guardLimits starts the process that restores the limits once this one closes its end
// of a pipe or dies. It reads a path and an old value from each line.
func guardLimits(lockfile *os.File) (*Limits, error) {
	const guard = `while read -r path old; do undo="echo $old > $path; $undo"; done; eval "$undo"`
	cmd := exec.Command("/bin/sh", "-c", guard)
	cmd.ExtraFiles = []*os.File{lockfile}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // ^C does not end it
	end, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Limits{cmd, end}, nil
}

// SetBuckets sets nf_conntrack_buckets, which the kernel rounds up to whole pages:
// multiples of 512.
func (l *Limits) SetBuckets(n int) error {
	return l.change(conntrackBuckets, func(int) int { return n })
}

func (l *Limits) change(path string, to func(old int) int) error {
	old, err := readLimit(path)
	if err == nil {
		_, err = fmt.Fprintln(l.end, path, old)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strconv.Itoa(to(old))), 0)
}

func readLimit(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// Close restores the old values and releases the limits.
func (l *Limits) Close() error {
	if err := errors.Join(l.end.Close(), l.guard.Wait()); err != nil {
		return fmt.Errorf("restore the limits of conntrack: %w", err)
	}
	return nil
}

// HoldMax holds the limits and changes nf_conntrack_max to what change returns for its
// value.
func HoldMax(ctx context.Context, change func(old int) int) (*Limits, error) {
	l, err := HoldLimits(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.change(conntrackMax, change); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
