//go:build linux

package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/filter"
)

// dumpRead is the size of one read of a dump. The kernel fills an answer up to
// the size of the largest read it has seen, and 32 KiB at the most.
const dumpRead = 32 << 10

// Table is a list of flows that the kernel keeps.
type Table uint8

// The tables.
const (
	Conntrack   Table = iota // the tracked flows
	Dying                    // destroyed, but their DESTROY could not be delivered yet
	Unconfirmed              // their first packet is still on its way; empty from Linux 5.19 on
)

// DumpConfig says what to dump. The zero value is the whole table of the
// caller's network namespace.
type DumpConfig struct {
	NetNS int // file descriptor of a network namespace; 0: the caller's
	Table Table

	// Family leaves flows of other families out; 0: every family.
	Family monitor.Family

	// Push is a filter that the kernel may apply, where it can: what it leaves
	// out, Push does not want, but more may come than Push wants. Nil: every flow.
	Push filter.Expr

	// Zero sets the counters of each flow to zero as it is read.
	Zero bool
}

// Dump opens the connection tracking table of a network namespace (0: the
// caller's) as a source of KindExisting events. The table is streamed: one read
// of the kernel's answer a call of Next, io.EOF at its end.
//
// A dump is not a snapshot: flows that come or go while it runs may or may not
// be in it, and expired entries that it passes are evicted.
func Dump(ctx context.Context, netns int) (monitor.Source, error) {
	return DumpWith(ctx, DumpConfig{NetNS: netns})
}

// DumpWith is Dump with a choice of what is dumped.
func DumpWith(ctx context.Context, cfg DumpConfig) (monitor.Source, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := dial(Config{NetNS: cfg.NetNS})
	if err != nil {
		return nil, err
	}
	q, err := newQueue(conn)
	if err != nil {
		return nil, err
	}
	d := &dump{queue: q, buf: make([]byte, dumpRead)}
	d.read = d.onRead
	if err := d.request(cfg); err != nil {
		q.close()
		return nil, err
	}
	return d, nil
}

func openDump(ctx context.Context, cfg Config) (monitor.Source, error) {
	return DumpWith(ctx, DumpConfig{NetNS: cfg.NetNS})
}

// Dump opens the table of the namespace that is captured.
func (c *socketCapture) Dump(ctx context.Context) (monitor.Source, error) {
	return openDump(ctx, c.cfg)
}

// dump reads the kernel's answer. The kernel makes each part while the one
// before is being read, so that there is always something to read: the queue is
// only waited for when that fails.
type dump struct {
	queue *queue
	dec   ctnetlink.Decoder
	clock clock
	buf   []byte
	n     int
	empty bool
	err   error
	read  func(fd int) // onRead, prepared once: a closure a call would allocate
	done  bool
}

func (d *dump) request(cfg DumpConfig) error {
	var r ctnetlink.Request
	dumpRequest(&r, cfg)
	var err error
	uerr := d.queue.use(func(fd int) {
		err = unix.Sendto(fd, r.Bytes(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	if err := errors.Join(uerr, err); err != nil {
		return fmt.Errorf("request dump: %w", privilege(err))
	}
	return nil
}

// Close ends the dump, read to its end or not.
func (d *dump) Close() error {
	d.queue.close()
	return nil
}

// Next reads one part of the answer. Flows that cannot be decoded are skipped
// and counted.
func (d *dump) Next(ctx context.Context, b *monitor.Batch) error {
	for !d.done && len(b.Events) == 0 {
		if err := d.queue.watch(ctx); err != nil {
			return err
		}
		if err := d.queue.use(d.read); err != nil {
			return err
		}
		if d.err != nil {
			return d.err
		}
		if d.empty {
			if err := d.queue.wait(ctx); err != nil {
				return err
			}
			continue
		}
		if err := d.take(d.buf[:d.n], b); err != nil {
			return err
		}
	}
	if d.done && len(b.Events) == 0 {
		return io.EOF
	}
	return nil
}

// onRead reads once.
func (d *dump) onRead(fd int) {
	n, errno := recvWhole(fd, d.buf)
	d.n, d.empty = n, errno == unix.EAGAIN || errno == unix.EINTR
	switch {
	case d.empty:
	case errno != 0:
		d.err = fmt.Errorf("read dump: %w", os.NewSyscallError("recvfrom", errno))
	case n > len(d.buf):
		d.err = fmt.Errorf("read dump: answer of %d bytes, longer than %d", n, len(d.buf))
	}
}

// recvWhole reads what one message of a socket's queue has, without waiting and
// without allocating. n is its length, also where that is more than the buffer
// took.
func recvWhole(fd int, buf []byte) (n int, errno unix.Errno) {
	got, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))),
		uintptr(len(buf)), unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(got), 0
}

// take decodes the messages of one read, and sees the end of the dump.
func (d *dump) take(data []byte, b *monitor.Batch) error {
	now := monitor.Now()
	for len(data) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(data))
		if size < unix.NLMSG_HDRLEN || size > len(data) {
			return fmt.Errorf("read dump: message of %d bytes in %d", size, len(data))
		}
		msg := data[:size]
		data = data[min((size+3)&^3, len(data)):]
		switch binary.NativeEndian.Uint16(msg[4:]) {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			d.done = true
			return dumpEnd(msg)
		}
		before := len(b.Events)
		if d.dec.Decode(msg, b) != nil || len(b.Events) == before {
			continue
		}
		e := &b.Events[before]
		e.Kind, e.Time, e.TimeSource = monitor.KindExisting, now, monitor.TimeReceived
		d.clock.order(e)
	}
	return nil
}

// dumpEnd returns the error that a dump ended with.
func dumpEnd(msg []byte) error {
	if errno := errorNumber(msg); errno != 0 {
		return fmt.Errorf("dump: %w", privilege(errno))
	}
	return nil
}
