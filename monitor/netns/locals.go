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
	ns    int // a duplicated descriptor; 0: the caller's
	conn  *netlink.Conn
	first *monitor.Locals
}

// WatchLocals reads the addresses of a network namespace (0: the caller's) and
// begins to follow their changes. The caller may close ns after it.
func WatchLocals(ns int) (w *LocalsWatch, err error) {
	w = &LocalsWatch{}
	if ns != 0 {
		if w.ns, err = unix.FcntlInt(uintptr(ns), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return nil, fmt.Errorf("follow local addresses: %w", err)
		}
	}
	if err := w.open(); err != nil {
		w.close()
		return nil, fmt.Errorf("follow local addresses: %w", err)
	}
	return w, nil
}

// open joins the groups before the first reading, so that no change is missed.
func (w *LocalsWatch) open() (err error) {
	if w.conn, err = Dial(unix.NETLINK_ROUTE, w.ns); err != nil {
		return err
	}
	for _, group := range []uint32{unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR} {
		if err := w.conn.JoinGroup(group); err != nil {
			return err
		}
	}
	w.first, err = Locals(w.ns)
	return err
}

func (w *LocalsWatch) close() {
	if w.conn != nil {
		w.conn.Close()
	}
	if w.ns != 0 {
		unix.Close(w.ns)
	}
}

// Now returns the addresses at the beginning of the watch.
func (w *LocalsWatch) Now() *monitor.Locals { return w.first }

// Run calls changed with all addresses after each change. It closes the watch when ctx
// ends. If the addresses cannot be read because the namespace has ended, the last ones
// remain.
func (w *LocalsWatch) Run(ctx context.Context, changed func(*monitor.Locals)) {
	defer w.close()
	stop := context.AfterFunc(ctx, func() { w.conn.Close() })
	defer stop()
	for {
		// Any message makes the addresses be read again, and so does a loss.
		if _, err := w.conn.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
		if l, err := Locals(w.ns); err == nil {
			changed(l)
		}
	}
}
