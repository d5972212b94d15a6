//go:build linux

package lab

import (
	"context"
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
		// goroutine, that is, in the namespace. SO_REUSEADDR lets a chosen port be bound
		// while an earlier connection from it is in TIME_WAIT.
		d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			return enable(c, unix.SOL_SOCKET, unix.SO_REUSEADDR)
		}}
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
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// ListenUDP makes a UDP socket in the namespace. With a zero local it can send to any
// IPv4 address.
func (n *Namespace) ListenUDP(local netip.AddrPort) (*net.UDPConn, error) {
	c, err := n.socket(unix.SOCK_DGRAM, unix.IPPROTO_UDP, local, netip.AddrPort{})
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}

// socket makes a socket in the namespace, bound to local. If remote is not zero, the
// socket is connected to it, so that its local address is the source of its packets; a
// TCP connection is only begun. Datagram and raw sockets of any protocol are a
// net.PacketConn, whose ReadFrom returns packets without an IPv4 header.
func (n *Namespace) socket(kind, proto int, local, remote netip.AddrPort) (conn net.Conn, err error) {
	local = complete(local, remote)
	domain := unix.AF_INET
	if local.Addr().Is6() {
		domain = unix.AF_INET6
	}
	err = n.Do(func() error {
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		f := os.NewFile(uintptr(fd), "socket")
		defer f.Close() // FileConn duplicates it
		if err := unix.Bind(fd, sockaddr(local)); err != nil {
			return os.NewSyscallError("bind", err)
		}
		if remote.IsValid() {
			if err := unix.Connect(fd, sockaddr(remote)); err != nil && err != unix.EINPROGRESS {
				return os.NewSyscallError("connect", err)
			}
		}
		conn, err = net.FileConn(f)
		return err
	})
	return conn, err
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

// enable sets a socket option to 1.
func enable(c syscall.RawConn, level, option int) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), level, option, 1) }); err != nil {
		return err
	}
	return failed
}

// addrPortOf returns the address of a TCP or UDP socket.
func addrPortOf(a net.Addr) netip.AddrPort {
	return a.(interface{ AddrPort() netip.AddrPort }).AddrPort()
}
