//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// ErrNotInitial is the error of HoldMax and HoldBuckets outside the initial namespaces.
var ErrNotInitial = errors.New("nf_conntrack_max and nf_conntrack_buckets need root in the initial namespaces")

// Limit is nf_conntrack_max or nf_conntrack_buckets, which bound the conntrack tables of all
// network namespaces. One process at a time holds one of them.
type Limit struct {
	Old   int // the value at the beginning
	name  string
	guard *exec.Cmd
	end   io.Closer // the guard's standard input
}

// HoldMax waits until no other process holds a limit, or until ctx ends, and changes
// nf_conntrack_max to what change returns for its value. Close restores the old value; it is
// restored even if this process is killed.
func HoldMax(ctx context.Context, change func(old int) int) (*Limit, error) {
	l, err := hold(ctx, "max")
	if err != nil {
		return nil, err
	}
	if err := l.Set(change(l.Old)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// HoldBuckets is HoldMax for nf_conntrack_buckets, which it does not change yet. With few
// buckets the flows of all namespaces share long chains, and some new flows are dropped: run
// nothing beside it that counts its flows.
func HoldBuckets(ctx context.Context) (*Limit, error) { return hold(ctx, "buckets") }

func hold(ctx context.Context, name string) (*Limit, error) {
	l := &Limit{name: "net.netfilter.nf_conntrack_" + name}
	lockfile, err := os.OpenFile(netns.SysctlFile("net.netfilter.nf_conntrack_max"), os.O_RDWR, 0)
	if !InitialUserNS() || errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotInitial
	}
	if err != nil {
		return nil, err
	}
	defer lockfile.Close() // the guard keeps a duplicate, and so the lock
	for {
		err := unix.Flock(int(lockfile.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if err == unix.EWOULDBLOCK {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("wait for the limits of conntrack: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if l.Old, err = l.Read(); err != nil {
		return nil, err
	}
	// The guard restores the value once this process closes its end of a pipe or dies.
	l.guard = exec.Command("/bin/sh", "-c", fmt.Sprintf("read end; echo %d > %s", l.Old, netns.SysctlFile(l.name)))
	l.guard.ExtraFiles = []*os.File{lockfile}
	l.guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // ^C does not end it
	if l.end, err = l.guard.StdinPipe(); err != nil {
		return nil, err
	}
	return l, l.guard.Start()
}

// Read returns the value.
func (l *Limit) Read() (n int, err error) {
	text, err := netns.ReadSysctl(0, l.name)
	if err == nil {
		_, err = fmt.Sscan(text, &n)
	}
	return n, err
}

// Set changes the value. The kernel rounds buckets up to whole pages: multiples of 512.
func (l *Limit) Set(n int) error { return netns.WriteSysctl(0, l.name, fmt.Sprint(n)) }

// Close restores the old value and releases it.
func (l *Limit) Close() error {
	if err := errors.Join(l.end.Close(), l.guard.Wait()); err != nil {
		return fmt.Errorf("restore the limits of conntrack: %w", err)
	}
	return nil
}
