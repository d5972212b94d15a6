//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// Locals returns the addresses of a network namespace (0: the caller's), by
// which the way of a flow through the host is told.
func Locals(netns int) (*monitor.Locals, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: netns})
	if err != nil {
		return nil, fmt.Errorf("read local addresses: %w", Privilege(err))
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

// ifAddr returns the address of an RTM_NEWADDR message: IFA_LOCAL where it is
// present (on a point-to-point link IFA_ADDRESS is the far end), else
// IFA_ADDRESS.
func ifAddr(m netlink.Message) (addr netip.Addr, ok bool) {
	if m.Header.Type != unix.RTM_NEWADDR || len(m.Data) < unix.SizeofIfAddrmsg {
		return netip.Addr{}, false
	}
	attrs, err := netlink.NewAttributeDecoder(m.Data[unix.SizeofIfAddrmsg:])
	if err != nil {
		return netip.Addr{}, false
	}
	local := false
	for attrs.Next() {
		switch attrs.Type() {
		case unix.IFA_LOCAL, unix.IFA_ADDRESS:
			if a, good := netip.AddrFromSlice(attrs.Bytes()); good && !local {
				addr, ok = a, true
				local = attrs.Type() == unix.IFA_LOCAL
			}
		}
	}
	return addr, ok && attrs.Err() == nil
}

// LocalsWatch follows the addresses of a network namespace.
type LocalsWatch struct {
	netns int
	conn  *netlink.Conn
	first *monitor.Locals
}

// WatchLocals reads the addresses of a network namespace (0: the caller's) and
// begins to follow their changes.
func WatchLocals(netns int) (*LocalsWatch, error) {
	conn, err := DialAddresses(netns)
	if err != nil {
		return nil, err
	}
	// Joined before the first reading: no change falls between the two.
	first, err := Locals(netns)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &LocalsWatch{netns, conn, first}, nil
}

// DialAddresses opens a socket that hears of every change of the addresses of a
// network namespace.
func DialAddresses(netns int) (*netlink.Conn, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: netns})
	if err != nil {
		return nil, fmt.Errorf("follow local addresses: %w", err)
	}
	for _, group := range []uint32{unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR} {
		if err := conn.JoinGroup(group); err != nil {
			conn.Close()
			return nil, fmt.Errorf("follow local addresses: %w", err)
		}
	}
	return conn, nil
}

// Now returns the addresses as they were when the watch began.
func (w *LocalsWatch) Now() *monitor.Locals { return w.first }

// Run calls changed with all addresses after each change, until ctx ends; then
// it closes the watch. Where the addresses cannot be read any more (the
// namespace is gone) the last ones stand.
func (w *LocalsWatch) Run(ctx context.Context, changed func(*monitor.Locals)) {
	stop := context.AfterFunc(ctx, func() { w.conn.Close() })
	defer stop()
	defer w.conn.Close()
	for {
		// What the messages say does not matter, nor that some were lost: all
		// addresses are read anew.
		if _, err := w.conn.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
		if l, err := Locals(w.netns); err == nil {
			changed(l)
		}
	}
}
