//go:build linux

package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor/ctnetlink"
	"natlens/monitor/netns"
)

// answerSize is the size of one read. The kernel fills a part of a dump up to
// the size of the largest read it has seen, and 32 KiB at most.
const answerSize = 32 << 10

// requests is a netlink socket for requests, on which only the kernel can answer.
// One goroutine uses it at a time; Close may be called from another one.
type requests struct {
	req  ctnetlink.Request
	conn *netlink.Conn
	raw  syscall.RawConn

	buf   []byte
	rest  []byte // what was read and not returned yet
	n     int
	errno unix.Errno
	try   func(fd uintptr) bool // reads once; prepared, as a closure a call would allocate
}

func openRequests(ns int) (*requests, error) {
	conn, err := netns.DialKernel(unix.NETLINK_NETFILTER, ns)
	if err != nil {
		return nil, err
	}
	r := &requests{conn: conn, buf: make([]byte, answerSize)}
	r.req.Last = rand.Uint32() >> 1 // the first sequence numbers; they do not wrap
	if r.raw, err = conn.SyscallConn(); err != nil {
		conn.Close()
		return nil, err
	}
	r.try = func(fd uintptr) bool {
		r.n, r.errno = recvWhole(int(fd), r.buf)
		return r.errno != unix.EAGAIN
	}
	return r, nil
}

// Close closes the socket and unblocks what waits for an answer.
func (r *requests) Close() error {
	r.conn.Close()
	return nil
}

// send sends the messages of req to the kernel.
func (r *requests) send(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.rest = nil
	var err error
	cerr := r.raw.Control(func(fd uintptr) {
		err = unix.Sendto(int(fd), r.req.Bytes(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	return netns.Privilege(closedErr(errors.Join(cerr, err)))
}

// next returns the next message of the answer to what was sent last; it is good until
// one is returned that needs another read. Messages with other sequence numbers are
// late answers to requests that a context has ended, and are skipped.
func (r *requests) next(ctx context.Context) (msg []byte, seq uint32, err error) {
	for {
		if len(r.rest) < unix.NLMSG_HDRLEN {
			if r.rest, err = r.receive(ctx); err != nil {
				return nil, 0, err
			}
			continue
		}
		size := int(binary.NativeEndian.Uint32(r.rest))
		if size < unix.NLMSG_HDRLEN || size > len(r.rest) {
			return nil, 0, fmt.Errorf("answer of %d bytes in %d", size, len(r.rest))
		}
		msg, r.rest = r.rest[:size], r.rest[min((size+3)&^3, len(r.rest)):]
		if seq = binary.NativeEndian.Uint32(msg[8:]); seq >= r.req.First && seq <= r.req.Last {
			return msg, seq, nil
		}
	}
}

// more reports whether next needs no other read.
func (r *requests) more() bool { return len(r.rest) >= unix.NLMSG_HDRLEN }

// receive reads one part of an answer. The kernel makes an answer while it takes the
// request or while the part before is read, or reports an error on the socket: nothing is
// waited for.
func (r *requests) receive(ctx context.Context) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.raw.Read(r.try); err != nil {
			return nil, closedErr(err)
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

// ended reports whether a message is the last of an answer, and with which error.
func ended(msg []byte) (done bool, err error) {
	switch binary.NativeEndian.Uint16(msg[4:]) {
	case unix.NLMSG_DONE, unix.NLMSG_ERROR:
		if errno := errorNumber(msg); errno != 0 {
			return true, netns.Privilege(errno)
		}
		return true, nil
	}
	return false, nil
}

// errorNumber reads the error number of NLMSG_DONE and NLMSG_ERROR.
func errorNumber(msg []byte) unix.Errno {
	if len(msg) < unix.NLMSG_HDRLEN+4 {
		return 0
	}
	return unix.Errno(-int32(binary.NativeEndian.Uint32(msg[unix.NLMSG_HDRLEN:])))
}

// closedErr turns the many errors of a closed connection into os.ErrClosed.
func closedErr(err error) error {
	if errors.Is(err, os.ErrClosed) || errors.Is(err, syscall.EBADF) {
		return os.ErrClosed
	}
	return err
}
