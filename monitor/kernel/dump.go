//go:build linux

package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/netfilter"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
)

// The table that a dump reads (enum cntl_msg_types).
const (
	msgGet = 1 // IPCTNL_MSG_CT_GET
)

// dumpRead is the size of one read of a dump. The kernel fills an answer up to
// the size of the largest read it has seen, and 32 KiB at the most.
const dumpRead = 32 << 10

// Dump opens the connection tracking table of a network namespace (0: the
// caller's) as a source of KindExisting events. The table is streamed: one read
// of the kernel's answer a call of Next, io.EOF at its end.
//
// A dump is not a snapshot: flows that come or go while it runs may or may not
// be in it, and expired entries that it passes are evicted.
func Dump(ctx context.Context, netns int) (monitor.Source, error) {
	return openDump(ctx, Config{NetNS: netns})
}

func openDump(ctx context.Context, cfg Config) (monitor.Source, error) {
	conn, err := dial(cfg)
	if err != nil {
		return nil, err
	}
	d := &dump{conn: conn, wake: &canceller{conn: conn}, buf: make([]byte, dumpRead)}
	d.read = d.onRead
	if err := d.request(); err != nil {
		conn.Close()
		return nil, err
	}
	return d, nil
}

// Dump opens the table of the namespace that is captured.
func (c *socketCapture) Dump(ctx context.Context) (monitor.Source, error) {
	return openDump(ctx, c.cfg)
}

type dump struct {
	conn  *netlink.Conn
	raw   syscall.RawConn
	wake  *canceller
	dec   ctnetlink.Decoder
	clock clock
	buf   []byte
	n     int
	err   error
	read  func(fd uintptr) bool
	done  bool
}

func (d *dump) request() error {
	var err error
	if d.raw, err = d.conn.SyscallConn(); err != nil {
		return err
	}
	_, err = d.conn.Send(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(uint16(netfilter.NFSubsysCTNetlink)<<8 | msgGet),
			Flags: netlink.Request | netlink.Dump,
		},
		Data: []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0},
	})
	if err != nil {
		return fmt.Errorf("request dump: %w", privilege(err))
	}
	return nil
}

// Close ends the dump, read to its end or not.
func (d *dump) Close() error { return d.conn.Close() }

// Next reads one part of the answer. Flows that cannot be decoded are skipped
// and counted.
func (d *dump) Next(ctx context.Context, b *monitor.Batch) error {
	for !d.done && len(b.Events) == 0 {
		if err := d.wake.watch(ctx); err != nil {
			return err
		}
		if err := d.raw.Read(d.read); err != nil {
			return d.wake.cause(ctx, err)
		}
		if d.err != nil {
			return d.err
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

// onRead reads once, or asks the poller to wait.
func (d *dump) onRead(fd uintptr) bool {
	n, _, flags, _, err := unix.Recvmsg(int(fd), d.buf, nil, unix.MSG_DONTWAIT)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false
	case errors.Is(err, unix.EINTR):
		return false
	case err != nil:
		d.err = fmt.Errorf("read dump: %w", os.NewSyscallError("recvmsg", err))
	case flags&unix.MSG_TRUNC != 0:
		d.err = fmt.Errorf("read dump: answer longer than %d bytes", len(d.buf))
	}
	d.n = n
	return true
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

// dumpEnd reads the error number that NLMSG_DONE and NLMSG_ERROR bear.
func dumpEnd(msg []byte) error {
	if len(msg) < unix.NLMSG_HDRLEN+4 {
		return nil
	}
	errno := -int32(binary.NativeEndian.Uint32(msg[unix.NLMSG_HDRLEN:]))
	if errno == 0 {
		return nil
	}
	return fmt.Errorf("dump: %w", privilege(unix.Errno(errno)))
}
