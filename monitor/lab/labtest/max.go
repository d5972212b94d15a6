//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotInitial is RaiseMax's error outside the initial namespaces.
var ErrNotInitial = errors.New("nf_conntrack_max can be raised by root in the initial namespaces alone")

// conntrackMax is the sysctl that bounds every namespace's table.
const conntrackMax = "/proc/sys/net/netfilter/nf_conntrack_max"

// RaiseMax raises nf_conntrack_max to n, unless it is that high already; restore writes
// the old value back. The limit is the host's: only one process at a time holds it, and
// RaiseMax waits for others until ctx ends. A process that is killed leaves the limit
// raised.
func RaiseMax(ctx context.Context, n int) (restore func() error, err error) {
	return holdMax(ctx, n, func(old int) bool { return old < n })
}

// LimitMax is RaiseMax for a lower limit: no table holds more than n flows until restore.
func LimitMax(ctx context.Context, n int) (restore func() error, err error) {
	return holdMax(ctx, n, func(old int) bool { return old > n })
}

// holdMax sets the limit to n, unless the old one will do, and holds it.
func holdMax(ctx context.Context, n int, change func(old int) bool) (restore func() error, err error) {
	if !InitialUserNS() {
		return nil, ErrNotInitial
	}
	f, err := os.OpenFile(conntrackMax, os.O_RDWR, 0)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNotInitial, err)
	}
	if err != nil {
		return nil, err
	}
	if err := lock(ctx, f); err != nil {
		f.Close()
		return nil, fmt.Errorf("wait for nf_conntrack_max: %w", err)
	}
	back, err := setMax(f, n, change)
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() error {
		defer f.Close() // and the lock with it
		return back()
	}, nil
}

// setMax does holdMax's work while the lock is held.
func setMax(f *os.File, n int, change func(old int) bool) (back func() error, err error) {
	old, err := readMax(f)
	if err != nil {
		return nil, err
	}
	if !change(old) {
		return func() error { return nil }, nil
	}
	if err := writeMax(f, n); err != nil {
		return nil, err
	}
	return func() error {
		// Somebody who doesn't know the lock may have set it meanwhile.
		if now, err := readMax(f); err != nil || now != n {
			return err
		}
		return writeMax(f, old)
	}, nil
}

// lock takes the file's lock, which ends with the process at the latest.
func lock(ctx context.Context, f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func readMax(f *os.File) (int, error) {
	buf := make([]byte, 32)
	n, err := f.ReadAt(buf, 0)
	if n == 0 && err != nil {
		return 0, fmt.Errorf("read nf_conntrack_max: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(buf[:n])))
}

func writeMax(f *os.File, n int) error {
	if _, err := f.WriteAt([]byte(strconv.Itoa(n)), 0); err != nil {
		return fmt.Errorf("set nf_conntrack_max to %d: %w", n, err)
	}
	return nil
}
