//go:build linux

package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/lab"
	"natlens/monitor/netns"
)

// portOf returns the port id of a netlink socket.
func portOf(t *testing.T, c *netlink.Conn) uint32 {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var port uint32
	err = raw.Control(func(fd uintptr) {
		a, err := unix.Getsockname(int(fd))
		if err != nil {
			t.Error(err)
			return
		}
		port = a.(*unix.SockaddrNetlink).Pid
	})
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// spoof sends the end of a dump, and an error, to a port as another process would, and
// returns the error of the first that could be sent, nil if one could.
func spoof(t *testing.T, ns *lab.Namespace, port uint32) (refused error) {
	t.Helper()
	for _, typ := range []uint16{unix.NLMSG_DONE, unix.NLMSG_ERROR} {
		msg := make([]byte, unix.NLMSG_HDRLEN+4)
		binary.NativeEndian.PutUint32(msg, uint32(len(msg)))
		binary.NativeEndian.PutUint16(msg[4:], typ)
		binary.NativeEndian.PutUint32(msg[unix.NLMSG_HDRLEN:], ^uint32(unix.EPERM)+1)
		err := ns.Do(func() error {
			fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port})
		})
		if err == nil {
			return nil
		}
		refused = err
	}
	return refused
}

// Another process of the namespace can't answer in the kernel's place, whatever asks:
// the kernel refuses its message.
func TestOnlyTheKernelAnswers(t *testing.T) {
	ns := emptyNS(t)
	made := variety(t, ns)
	check := func(what string, c *netlink.Conn) {
		t.Helper()
		if err := spoof(t, ns, portOf(t, c)); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("%s: sent to its socket: %v, want %v", what, err, unix.ECONNREFUSED)
		}
	}

	d, err := Dump(t.Context(), ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	check("dump", d.(*dump).conn)
	var b monitor.Batch
	got := 0
	for err == nil {
		b.Reset()
		err = d.Next(t.Context(), &b)
		got += len(b.Events)
	}
	if got != made {
		t.Errorf("the dump has %d flows of %d, %v", got, made, err)
	}

	s := openService(t, ns)
	check("service", s.conn)
	_, err = nftables.New(nftables.WithNetNSFd(ns.FD()), nftables.AsLasting(), rulesOnlyKernel,
		nftables.WithSockOptions(func(c *netlink.Conn) error { check("google/nftables", c); return c.Close() }))
	if err != nil {
		t.Fatal(err)
	}
	route, err := netns.DialKernel(unix.NETLINK_ROUTE, ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer route.Close()
	if _, err := netns.Locals(ns.FD()); err != nil {
		t.Error(err)
	}
}

// A late answer to a request that its context ended is not taken for the answer to the next one.
func TestLateAnswersAreSkipped(t *testing.T) {
	ns := emptyNS(t)
	variety(t, ns)
	s := openService(t, ns)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := s.Expects(ctx, 0, func(*monitor.Expect) error { n++; return nil })
	if err != nil || n != 0 {
		t.Fatal(n, err)
	}
	// The kernel answers while the request is sent: the answer is there, unread.
	s.req.Reset()
	f := flowOf(monitor.UDP, "192.0.2.1", "198.51.100.9", 9, 9)
	s.begin(ctnetlink.OpGet, ctnetlink.FlagAck, monitor.IPv4)
	s.req.Entry(&f)
	if err := s.send(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, _, err := s.next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := s.Fill(t.Context()); err != nil {
		t.Errorf("after an unread answer: %v", err)
	}
}
