//go:build linux

package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// Locals returns the addresses of a network namespace (0: the caller's), which determine
// the path of a flow through the host.
func Locals(ns int) (*monitor.Locals, error) {
	conn, err := DialKernel(unix.NETLINK_ROUTE, ns)
	if err != nil {
		return nil, fmt.Errorf("read local addresses: %w", err)
	}
	defer conn.Close()
	msgs, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETADDR, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, unix.SizeofIfAddrmsg), // AF_UNSPEC: every family
	})
	if err != nil {
		return nil, fmt.Errorf("read local addresses: %w", err)
	}
	var addrs []netip.Addr
	var networks []netip.Prefix
	for _, m := range msgs {
		a, ok := ifAddr(m)
		if !ok {
			continue
		}
		addrs = append(addrs, a)
		n := netip.PrefixFrom(a, int(m.Data[1])).Masked() // ifaddrmsg.ifa_prefixlen
		if n.IsValid() && !n.IsSingleIP() && !a.IsLoopback() && !slices.Contains(networks, n) {
			networks = append(networks, n)
		}
	}
	return monitor.NewLocals(addrs, networks...), nil
}

// ifAddr returns the address of an RTM_NEWADDR message: IFA_LOCAL if present (on a
// point-to-point link IFA_ADDRESS is the peer), otherwise IFA_ADDRESS.
func ifAddr(m netlink.Message) (addr netip.Addr, ok bool) {
	if m.Header.Type != unix.RTM_NEWADDR || len(m.Data) < unix.SizeofIfAddrmsg {
		return netip.Addr{}, false
	}
	attrs, err := netlink.NewAttributeDecoder(m.Data[unix.SizeofIfAddrmsg:])
	if err != nil {
		return netip.Addr{}, false
	}
	for attrs.Next() {
		if t := attrs.Type(); t == unix.IFA_LOCAL || t == unix.IFA_ADDRESS && !ok {
			if a, good := netip.AddrFromSlice(attrs.Bytes()); good {
				addr, ok = a, true
			}
		}
	}
	return addr, ok && attrs.Err() == nil
}

// FollowLocals calls set with the addresses of a network namespace (0: the caller's), now
// and after each change, until stop, which waits for a call that is under way. If the
// addresses can't be read any more because the namespace is gone, the last ones stay. The
// caller may close ns after it.
func FollowLocals(ns int, set func(*monitor.Locals)) (stop func(), err error) {
	conn, err := DialKernel(unix.NETLINK_ROUTE, ns)
	if err != nil {
		return nil, fmt.Errorf("follow local addresses: %w", err)
	}
	// The groups first, so that no change is missed.
	err = errors.Join(conn.JoinGroup(unix.RTNLGRP_IPV4_IFADDR), conn.JoinGroup(unix.RTNLGRP_IPV6_IFADDR))
	var first *monitor.Locals
	if err == nil {
		first, err = Locals(ns)
	}
	if err == nil && ns != 0 {
		ns, err = unix.FcntlInt(uintptr(ns), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("follow local addresses: %w", err)
	}
	set(first)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			// Any message makes the addresses be read again, and so does a loss.
			if _, err := conn.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
				break // closed
			}
			if l, err := Locals(ns); err == nil {
				set(l)
			}
		}
		if ns != 0 {
			unix.Close(ns)
		}
	})
	return func() {
		conn.Close()
		running.Wait()
	}, nil
}
