//go:build linux

package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// answerSize is the size of one read. The kernel fills a part of a dump up to
// the size of the largest read it has seen, and 32 KiB at most.
const answerSize = 32 << 10

// Close closes the socket and unblocks what waits for an answer.
func (s *Service) Close() error {
	s.conn.Close()
	return nil
}

// send sends the messages of req to the kernel.
func (s *Service) send(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.rest = nil
	var err error
	cerr := s.raw.Control(func(fd uintptr) {
		err = unix.Sendto(int(fd), s.req.Bytes(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	return netns.Privilege(closedErr(errors.Join(cerr, err)))
}

// next returns the next message of the answer to what was sent last; it is good until
// one is returned that needs another read. Messages with other sequence numbers are
// late answers to requests that a context has ended, and are skipped.
func (s *Service) next(ctx context.Context) (msg []byte, seq uint32, err error) {
	for {
		if len(s.rest) < unix.NLMSG_HDRLEN {
			if s.rest, err = s.receive(ctx); err != nil {
				return nil, 0, err
			}
			continue
		}
		size := int(binary.NativeEndian.Uint32(s.rest))
		if size < unix.NLMSG_HDRLEN || size > len(s.rest) {
			return nil, 0, fmt.Errorf("answer of %d bytes in %d", size, len(s.rest))
		}
		msg, s.rest = s.rest[:size], s.rest[min((size+3)&^3, len(s.rest)):]
		if seq = binary.NativeEndian.Uint32(msg[8:]); seq >= s.req.First && seq <= s.req.Last {
			return msg, seq, nil
		}
	}
}

// more reports whether next needs no other read.
func (s *Service) more() bool { return len(s.rest) >= unix.NLMSG_HDRLEN }

// receive reads one part of an answer. The kernel makes an answer while it takes the
// request or while the part before is read, or reports an error on the socket: nothing is
// waited for.
func (s *Service) receive(ctx context.Context) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.raw.Read(s.try); err != nil {
			return nil, closedErr(err)
		}
		switch {
		case s.errno == unix.EINTR:
		case s.errno != 0:
			return nil, os.NewSyscallError("recvfrom", s.errno)
		case s.n > len(s.buf):
			return nil, fmt.Errorf("answer of %d bytes, longer than %d", s.n, len(s.buf))
		default:
			return s.buf[:s.n], nil
		}
	}
}

// tryRead reads one message from the socket's queue, without waiting and without allocating, and reports whether there
// was one. n is its length, also if that is more than the buffer took.
func (s *Service) tryRead(fd uintptr) bool {
	var got uintptr
	got, _, s.errno = unix.Syscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(s.buf))),
		uintptr(len(s.buf)), unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	s.n = int(got)
	return s.errno != unix.EAGAIN
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
