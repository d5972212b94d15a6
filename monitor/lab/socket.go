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

// DialTCP connects from the namespace. A zero local is chosen by the kernel;
// its address or port may be left zero alone.
func (n *Namespace) DialTCP(ctx context.Context, local, remote netip.AddrPort) (*net.TCPConn, error) {
	var conn *net.TCPConn
	err := n.Do(func() error {
		// With one literal address the dialer makes its socket on the calling
		// goroutine, that is, in the namespace.
		d := net.Dialer{Control: reuseAddr}
		var err error
		conn, err = d.DialTCP(ctx, "tcp", local, remote)
		return err
	})
	return conn, err
}

// ListenTCP listens in the namespace; the listener works anywhere.
func (n *Namespace) ListenTCP(at netip.AddrPort) (*net.TCPListener, error) {
	var l net.Listener
	err := n.Do(func() error {
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		var err error
		l, err = lc.Listen(context.Background(), "tcp", at.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen in %s: %w", n.name, err)
	}
	return l.(*net.TCPListener), nil
}

// ListenUDP makes a UDP socket in the namespace. A zero local makes one that
// can send to any IPv4 address.
func (n *Namespace) ListenUDP(local netip.AddrPort) (*net.UDPConn, error) {
	c, err := n.listenPacket(unix.SOCK_DGRAM, unix.IPPROTO_UDP, local)
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}

// sender makes a datagram or raw socket for packets to remote, bound to the
// address that they leave from.
func (n *Namespace) sender(kind, proto int, local, remote netip.AddrPort) (net.PacketConn, error) {
	local, err := n.source(local, remote)
	if err != nil {
		return nil, err
	}
	return n.listenPacket(kind, proto, local)
}

// listenPacket makes a datagram or raw socket of any protocol in the
// namespace: what package net calls a UDPConn or an IPConn, whatever the
// protocol. Raw IPv4 reads are without the IP header (ReadFrom alone).
func (n *Namespace) listenPacket(kind, proto int, local netip.AddrPort) (net.PacketConn, error) {
	var conn net.PacketConn
	err := n.Do(func() error {
		fd, err := openSocket(kind, proto, local)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), "socket")
		defer f.Close() // FilePacketConn has its own copy
		conn, err = net.FilePacketConn(f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("socket of protocol %d on %s in %s: %w", proto, local, n.name, err)
	}
	return conn, nil
}

func openSocket(kind, proto int, local netip.AddrPort) (int, error) {
	if !local.Addr().IsValid() {
		local = netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port())
	}
	fd, err := unix.Socket(domain(local.Addr()), kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := prepare(fd, kind, local); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func prepare(fd, kind int, local netip.AddrPort) error {
	if kind == unix.SOCK_RAW {
		// Says that a packet was made by the lab; see silenceKernel.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, rawMark); err != nil {
			return os.NewSyscallError("SO_MARK", err)
		}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sockaddr(local)))
}

// reuseAddr lets a chosen port be bound while an earlier connection from it is
// in TIME_WAIT.
func reuseAddr(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}

// connectOnce starts a TCP connection and closes the socket as soon as the SYN
// is out. It returns the source address.
func (n *Namespace) connectOnce(local, remote netip.AddrPort) (netip.AddrPort, error) {
	var from netip.AddrPort
	err := n.Do(func() error {
		fd, err := openSocket(unix.SOCK_STREAM, unix.IPPROTO_TCP, local)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, sockaddr(remote)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
			return os.NewSyscallError("connect", err)
		}
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return os.NewSyscallError("getsockname", err)
		}
		from = addrPort(sa)
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

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// source fills in what local leaves open of the address that packets to remote
// are sent from. A zero port stays: the kernel chooses it at bind.
func (n *Namespace) source(local, remote netip.AddrPort) (netip.AddrPort, error) {
	if local.Addr().IsValid() && !local.Addr().IsUnspecified() {
		return local, nil
	}
	var routed netip.AddrPort
	err := n.Do(func() error {
		fd, err := unix.Socket(domain(remote.Addr()), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(fd)
		// Connecting a datagram socket sends nothing: it asks the routes.
		if err := unix.Connect(fd, sockaddr(netip.AddrPortFrom(remote.Addr(), 9))); err != nil {
			return os.NewSyscallError("connect", err)
		}
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return os.NewSyscallError("getsockname", err)
		}
		routed = addrPort(sa)
		return nil
	})
	if err != nil {
		return local, fmt.Errorf("source address for %s in %s: %w", remote.Addr(), n.name, err)
	}
	return netip.AddrPortFrom(routed.Addr(), local.Port()), nil
}

func domain(a netip.Addr) int {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}
