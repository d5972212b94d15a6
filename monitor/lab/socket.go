//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// DialTCP connects from the namespace. The kernel chooses the address and the port of
// local that are zero.
func (n *Namespace) DialTCP(ctx context.Context, local, remote netip.AddrPort) (conn *net.TCPConn, err error) {
	err = n.Do(func() error {
		// With one literal address the dialer makes its socket on the calling
		// goroutine, that is, in the namespace.
		d := net.Dialer{Control: reuseAddr}
		conn, err = d.DialTCP(ctx, "tcp", complete(local, remote), remote)
		return err
	})
	return conn, err
}

// ListenTCP listens in the namespace. The listener can be used in any.
func (n *Namespace) ListenTCP(at netip.AddrPort) (*net.TCPListener, error) {
	var l net.Listener
	err := n.Do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		l, err = lc.Listen(context.Background(), "tcp", at.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen in %s: %w", n.name, err)
	}
	return l.(*net.TCPListener), nil
}

// ListenUDP makes a UDP socket in the namespace. With a zero local it can send to any
// IPv4 address.
func (n *Namespace) ListenUDP(local netip.AddrPort) (*net.UDPConn, error) {
	c, err := n.listenPacket(unix.SOCK_DGRAM, unix.IPPROTO_UDP, local)
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}

// sender makes a datagram or raw socket for packets to remote, bound to their source.
func (n *Namespace) sender(kind, proto int, local, remote netip.AddrPort) (net.PacketConn, error) {
	local, err := n.source(local, remote)
	if err != nil {
		return nil, err
	}
	return n.listenPacket(kind, proto, local)
}

// listenPacket makes a datagram or raw socket of any protocol in the namespace. It is a
// net.UDPConn or net.IPConn even for protocols that package net does not know. ReadFrom
// of a raw IPv4 socket returns packets without the IP header.
func (n *Namespace) listenPacket(kind, proto int, local netip.AddrPort) (conn net.PacketConn, err error) {
	err = n.Do(func() error {
		fd, err := openSocket(kind, proto, complete(local, local))
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), "socket")
		defer f.Close() // FilePacketConn duplicates it
		conn, err = net.FilePacketConn(f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("socket of protocol %d on %s in %s: %w", proto, local, n.name, err)
	}
	return conn, nil
}

// openSocket makes a socket in the calling thread's namespace and binds it to local.
func openSocket(kind, proto int, local netip.AddrPort) (int, error) {
	domain := unix.AF_INET
	if local.Addr().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if kind == unix.SOCK_RAW {
		// Marks the packets that the lab makes; see silenceKernel.
		err = os.NewSyscallError("SO_MARK", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, rawMark))
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, sockaddr(local)))
	}
	if err != nil {
		unix.Close(fd)
	}
	return fd, err
}

// reuseAddr lets a chosen port be bound while an earlier connection from it is in
// TIME_WAIT.
func reuseAddr(_, _ string, c syscall.RawConn) error {
	var err error
	return errors.Join(c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}), err)
}

// connectOnce starts a TCP connection, closes the socket as soon as the SYN is sent,
// and returns the source address.
func (n *Namespace) connectOnce(local, remote netip.AddrPort) (from netip.AddrPort, err error) {
	err = n.Do(func() error {
		fd, err := openSocket(unix.SOCK_STREAM, unix.IPPROTO_TCP, complete(local, remote))
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, sockaddr(remote)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
			return os.NewSyscallError("connect", err)
		}
		switch sa, err := unix.Getsockname(fd); sa := sa.(type) {
		case *unix.SockaddrInet4:
			from = netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
		case *unix.SockaddrInet6:
			from = netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
		default:
			return os.NewSyscallError("getsockname", err)
		}
		return nil
	})
	if err != nil {
		return from, fmt.Errorf("syn to %s from %s: %w", remote, n.name, err)
	}
	return from, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// complete gives a port without an address the unspecified address of the peer's family.
func complete(local, remote netip.AddrPort) netip.AddrPort {
	if local.Addr().IsValid() {
		return local
	}
	any := netip.IPv4Unspecified()
	if remote.Addr().Is6() {
		any = netip.IPv6Unspecified()
	}
	return netip.AddrPortFrom(any, local.Port())
}

// source returns local with the address that packets to remote are sent from. A zero
// port stays zero: the kernel chooses it at bind.
func (n *Namespace) source(local, remote netip.AddrPort) (netip.AddrPort, error) {
	if local.Addr().IsValid() && !local.Addr().IsUnspecified() {
		return local, nil
	}
	err := n.Do(func() error {
		// Connecting a UDP socket sends nothing but looks up the route.
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(remote.Addr(), 9)))
		if err != nil {
			return err
		}
		local = netip.AddrPortFrom(addrOf(c.LocalAddr()), local.Port())
		return c.Close()
	})
	if err != nil {
		return local, fmt.Errorf("source address for %s in %s: %w", remote.Addr(), n.name, err)
	}
	return local, nil
}

func addrOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.IPAddr:
		ip, _ := netip.AddrFromSlice(a.IP)
		return ip.Unmap()
	}
	return netip.Addr{}
}

func ipAddr(a netip.Addr) *net.IPAddr { return &net.IPAddr{IP: a.AsSlice()} }

func addrPortOf(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// rawMark is the socket mark of every raw socket of the lab.
const rawMark = 0x1ab
