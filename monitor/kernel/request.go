//go:build linux

package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// answerSize is the size of one read. The kernel fills a part of a dump up to
// the size of the largest read it has seen, and 32 KiB at most.
const answerSize = 32 << 10

// requestSocket sends requests to the kernel and reads its answers. One
// goroutine uses it at a time; close may be called from another one.
type requestSocket struct {
	conn *netlink.Conn
	raw  syscall.RawConn
	op   string // what errors begin with

	buf   []byte
	n     int
	errno unix.Errno
	try   func(fd uintptr) bool // reads once; false if there was nothing to read
	once  func(fd uintptr)      // try for RawConn.Control; both prepared, as a closure a call would allocate
}

func openRequests(ns int) (*requestSocket, error) {
	conn, err := netns.DialKernel(unix.NETLINK_NETFILTER, ns)
	if err != nil {
		return nil, err
	}
	r := &requestSocket{conn: conn, buf: make([]byte, answerSize)}
	if r.raw, err = conn.SyscallConn(); err != nil {
		conn.Close()
		return nil, err
	}
	r.try = func(fd uintptr) bool {
		r.n, r.errno = recvWhole(int(fd), r.buf)
		return r.errno != unix.EAGAIN
	}
	r.once = func(fd uintptr) { r.try(fd) }
	return r, nil
}

// close closes the socket and unblocks receive.
func (r *requestSocket) close() { r.conn.Close() }

// send sends messages to the kernel.
func (r *requestSocket) send(msgs []byte) error {
	var err error
	cerr := r.raw.Control(func(fd uintptr) {
		err = unix.Sendto(int(fd), msgs, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	if err := errors.Join(cerr, err); err != nil {
		return netns.Privilege(netns.ClosedErr(err))
	}
	return nil
}

// receive reads one part of an answer; it is good until the next call. The end of
// ctx ends a wait.
func (r *requestSocket) receive(ctx context.Context) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.raw.Control(r.once); err != nil {
			return nil, netns.ClosedErr(err)
		}
		if r.errno == unix.EAGAIN {
			if err := r.wait(ctx); err != nil {
				return nil, err
			}
		}
		switch {
		case r.errno == unix.EINTR:
		case r.errno != 0:
			return nil, os.NewSyscallError("recvfrom", r.errno)
		case r.n > len(r.buf):
			return nil, fmt.Errorf("answer of %d bytes, longer than %d", r.n, len(r.buf))
		default:
			return r.buf[:r.n], nil
		}
	}
}

// wait blocks until there is something to read, and reads it.
func (r *requestSocket) wait(ctx context.Context) error {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		r.conn.SetReadDeadline(time.Unix(1, 0))
	})
	err := r.raw.Read(r.try)
	if !stop() {
		<-ended
		r.conn.SetReadDeadline(time.Time{})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return ctx.Err()
		}
	}
	return netns.ClosedErr(err)
}

// recvWhole reads one message from a socket's queue, without waiting and without
// allocating. n is its length, also if that is more than the buffer took.
func recvWhole(fd int, buf []byte) (n int, errno unix.Errno) {
	got, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))),
		uintptr(len(buf)), unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(got), 0
}

// splitMessage returns the first message of an answer and what follows it.
func splitMessage(data []byte) (msg, rest []byte, err error) {
	size := int(binary.NativeEndian.Uint32(data))
	if size < unix.NLMSG_HDRLEN || size > len(data) {
		return nil, nil, fmt.Errorf("answer of %d bytes in %d", size, len(data))
	}
	return data[:size], data[min((size+3)&^3, len(data)):], nil
}

// errorNumber reads the error number of NLMSG_DONE and NLMSG_ERROR.
func errorNumber(msg []byte) unix.Errno {
	if len(msg) < unix.NLMSG_HDRLEN+4 {
		return 0
	}
	return unix.Errno(-int32(binary.NativeEndian.Uint32(msg[unix.NLMSG_HDRLEN:])))
}
