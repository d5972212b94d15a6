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

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/netns"
)

// Service sends requests to the kernel on a netlink socket that accepts only the kernel's
// answers. One goroutine may use it at a time; another one may call Close.
type Service struct {
	NetNS int // file descriptor of its network namespace; 0: the caller's

	conn *netlink.Conn
	raw  syscall.RawConn
	req  ctnetlink.Request
	dec  ctnetlink.Decoder

	buf   []byte
	rest  []byte // read, but not returned yet
	n     int
	errno unix.Errno
	try   func(fd uintptr) bool // tryRead; a method value at each call would allocate
}

// ErrNoFlow means that the table does not contain the flow.
var ErrNoFlow = errors.New("no such flow")

// ErrNoExpect means that no expectation matches a packet.
var ErrNoExpect = errors.New("no such expectation")

// ErrExists means that the flow to create is in the table already.
var ErrExists = errors.New("the flow exists already")

// OpenService opens the service of a network namespace, by its file descriptor
// (0: the caller's).
func OpenService(ns int) (*Service, error) {
	conn, err := netns.DialKernel(unix.NETLINK_NETFILTER, ns)
	if err != nil {
		return nil, err
	}
	s := &Service{NetNS: ns, conn: conn, buf: make([]byte, answerSize)}
	s.req.Last = rand.Uint32() >> 1 // the first sequence numbers; they do not wrap
	s.try = s.tryRead
	// The answer to a failed request need not repeat the request.
	err = conn.SetOption(netlink.CapAcknowledge, true)
	if err == nil {
		s.raw, err = conn.SyscallConn()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	return s, nil
}

// begin starts a request with one message.
func (s *Service) begin(op ctnetlink.Op, flags uint16, family monitor.Family) {
	s.req.Reset()
	s.req.Begin(op, flags, family)
}

// talk sends the built messages and reads the answers, up to the acknowledgement or the error
// of the last message. It calls each with every other message, and failed with the error of
// every other request; both may be nil. It returns the error of the last message.
func (s *Service) talk(ctx context.Context, each func(msg []byte) error, failed func(seq uint32, err error)) error {
	if err := s.send(ctx); err != nil {
		return err
	}
	for {
		msg, seq, err := s.next(ctx)
		if err != nil {
			return err
		}
		done, err := ended(msg)
		switch {
		case done && seq == s.req.Last:
			return err
		case done && err != nil && failed != nil:
			failed(seq, err)
		case !done && each != nil:
			if err := each(msg); err != nil {
				return err
			}
		}
	}
}

// flowError returns the error of a request about a flow.
func flowError(op string, err error) error { return named(op, ErrNoFlow, err) }

// named returns the error of a request; none is the error if the table does not have the entry.
func named(op string, none, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT):
		err = none
	case errors.Is(err, unix.EEXIST):
		err = ErrExists
	}
	return fmt.Errorf("%s: %w", op, err)
}

// answerSize is the size of one read. The kernel fills each part of a dump up to the largest
// read so far, and at most 32 KiB.
const answerSize = 32 << 10

// Close closes the socket and ends pending requests.
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

// next returns the next message of the answer to the last request. It is valid until a message
// is returned for which next had to read again. Messages with other sequence numbers are late
// answers to cancelled requests, and are skipped.
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

// more reports whether next returns a message without reading.
func (s *Service) more() bool { return len(s.rest) >= unix.NLMSG_HDRLEN }

// receive reads one part of an answer. The kernel makes an answer when it gets the request or
// when the previous part is read, or reports an error on the socket, so receive never waits.
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

// tryRead reads one message from the socket's queue, without waiting and without allocating,
// and reports whether there was one. n is the length of the message, even if it was longer than
// the buffer.
func (s *Service) tryRead(fd uintptr) bool {
	var got uintptr
	got, _, s.errno = unix.Syscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(s.buf))),
		uintptr(len(s.buf)), unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	s.n = int(got)
	return s.errno != unix.EAGAIN
}

// ended reports whether a message is the last of an answer, NLMSG_DONE or NLMSG_ERROR, and the
// error in it.
func ended(msg []byte) (done bool, err error) {
	typ := binary.NativeEndian.Uint16(msg[4:])
	done = typ == unix.NLMSG_DONE || typ == unix.NLMSG_ERROR
	if done && len(msg) >= unix.NLMSG_HDRLEN+4 {
		if errno := unix.Errno(-int32(binary.NativeEndian.Uint32(msg[unix.NLMSG_HDRLEN:]))); errno != 0 {
			err = netns.Privilege(errno)
		}
	}
	return done, err
}

// closedErr returns os.ErrClosed for the various errors of a closed connection.
func closedErr(err error) error {
	if errors.Is(err, os.ErrClosed) || errors.Is(err, syscall.EBADF) {
		return os.ErrClosed
	}
	return err
}
