//go:build linux

package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/netns"
)

// Service asks the kernel about single flows and changes them. It is for one
// goroutine at a time; Close may be called from another one.
type Service struct {
	netns  int
	socket *requestSocket
	dec    ctnetlink.Decoder
	req    ctnetlink.Request
	seq    uint32
}

// ErrNoFlow says that the table has no such flow.
var ErrNoFlow = errors.New("no such flow")

// ErrNoExpect says that nothing is expected of a packet.
var ErrNoExpect = errors.New("no such expectation")

// ErrExists says that the flow to be created is in the table already.
var ErrExists = errors.New("the flow exists already")

// OpenService opens the service of a network namespace, by its file descriptor
// (0: the caller's).
func OpenService(ns int) (*Service, error) {
	socket, err := openRequests(ns)
	if err != nil {
		return nil, err
	}
	// Answers to requests that failed need not repeat them.
	if err := socket.conn.SetOption(netlink.CapAcknowledge, true); err != nil {
		socket.close()
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	return &Service{netns: ns, socket: socket}, nil
}

// Close closes the service and unblocks what runs.
func (s *Service) Close() error {
	s.socket.close()
	return nil
}

// library makes a request by ti-mo/conntrack, on a connection of its own: where its
// answer has all there is to know, and nothing is to be streamed or counted. The end of
// ctx ends it. The error is an errno if the kernel refused.
func (s *Service) library(ctx context.Context, request func(*conntrack.Conn) error) error {
	c, err := conntrack.Dial(&netlink.Config{NetNS: s.netns})
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", netns.Privilege(err))
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	err = request(c)
	if ended := ctx.Err(); err != nil && ended != nil {
		return ended
	}
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return netns.Privilege(errno)
	}
	return err
}

// begin begins a message with a sequence number of its own.
func (s *Service) begin(op ctnetlink.Op, flags uint16, family monitor.Family) {
	s.seq++
	s.req.Begin(op, flags, s.seq, family)
}

// talk sends the messages that were built and reads the answers to them, up to
// the acknowledgement, or the error, of the last one, whose number s.seq is.
// Every message is given to each, with its sequence number: what is no error
// and no acknowledgement. failed hears of every other message's error; nil if
// there is one message only. The error of the last one is returned.
func (s *Service) talk(ctx context.Context, each func(msg []byte) error, failed func(seq uint32, errno unix.Errno)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.socket.send(s.req.Bytes()); err != nil {
		return err
	}
	for {
		data, err := s.socket.receive(ctx)
		if err != nil {
			return err
		}
		done, err := s.answers(data, each, failed)
		if done || err != nil {
			return err
		}
	}
}

// answers goes through what one read brought; done says that the last message
// has been answered.
func (s *Service) answers(data []byte, each func([]byte) error, failed func(uint32, unix.Errno)) (done bool, err error) {
	for len(data) >= unix.NLMSG_HDRLEN {
		var msg []byte
		if msg, data, err = splitMessage(data); err != nil {
			return true, err
		}
		seq := binary.NativeEndian.Uint32(msg[8:])
		switch typ := binary.NativeEndian.Uint16(msg[4:]); {
		case typ == unix.NLMSG_ERROR, typ == unix.NLMSG_DONE:
			errno := errorNumber(msg)
			switch {
			case seq == s.seq && errno != 0:
				return true, netns.Privilege(errno)
			case seq == s.seq:
				return true, nil
			case errno != 0 && failed != nil:
				failed(seq, errno)
			}
		case each != nil:
			if err := each(msg); err != nil {
				return true, err
			}
		}
	}
	return false, nil
}

// flowError names the errors of requests about one flow.
func flowError(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT):
		err = ErrNoFlow
	case errors.Is(err, unix.EEXIST):
		err = ErrExists
	}
	return fmt.Errorf("%s: %w", op, err)
}
