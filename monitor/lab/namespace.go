//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/google/nftables"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	threads "natlens/monitor/netns"
)

// Namespace is one anonymous network namespace. Only an open file holds it: the kernel
// removes it when the file and the last socket in it are closed.
type Namespace struct {
	name  string
	file  *os.File
	ports atomic.Uint32 // how many local ports bind has chosen
}

// NewNamespace makes a namespace. Messages use the name.
func NewNamespace(name string) (*Namespace, error) {
	var handle netns.NsHandle
	err := threads.OnThread(func() (err error) {
		handle, err = netns.New()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make namespace %s: %w", name, err)
	}
	return &Namespace{name: name, file: os.NewFile(uintptr(handle), "netns "+name)}, nil
}

// Name is the role in the lab: client, client2, gateway or server.
func (n *Namespace) Name() string { return n.name }

// FD returns the file descriptor that holds the namespace, for setns and for libraries
// that take one (mdlayher/netlink's Config.NetNS). The namespace owns it: do not close
// it, and do not use it after Lab.Close.
func (n *Namespace) FD() int { return int(n.file.Fd()) }

// Path returns a path that other processes of this user can open while this process
// lives: /proc/PID/fd/N.
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.FD()) }

// Close removes the namespace and its flows. There are no DESTROY events.
func (n *Namespace) Close() error { return n.file.Close() }

// Do runs f in another goroutine, on a thread inside the namespace that ends with f, and
// returns f's error with the namespace's name before it. Goroutines that f starts are not
// in the namespace. A socket stays in the namespace where it was made: make it in f, use
// it anywhere.
func (n *Namespace) Do(f func() error) error {
	if err := threads.Do(n.FD(), f); err != nil {
		return fmt.Errorf("in %s: %w", n.name, err)
	}
	return nil
}

// NFT runs f with an nftables connection to the namespace and sends what f queued.
func (n *Namespace) NFT(f func(*nftables.Conn) error) error {
	c, err := nftables.New(nftables.WithNetNSFd(n.FD()))
	if err != nil {
		return fmt.Errorf("nftables in %s: %w", n.name, err)
	}
	if err := f(c); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables in %s: %w", n.name, err)
	}
	return nil
}

// WriteSysctl sets a sysctl of the namespace, named as in sysctl(8): "net.ipv4.ip_forward".
func (n *Namespace) WriteSysctl(name, value string) error {
	return threads.WriteSysctl(n.FD(), name, value)
}

// ReadSysctl returns a sysctl of the namespace without its final newline.
func (n *Namespace) ReadSysctl(name string) (value string, err error) {
	return threads.ReadSysctl(n.FD(), name)
}

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
		if err := n.bind(fd, kind, local, remote); err != nil {
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

// bind gives the socket its local address. A connected one without a port gets the next
// of Linux's ephemeral ports: the kernel's own choice is random, and a port chosen again
// continues the flow of an earlier socket instead of making a new one.
func (n *Namespace) bind(fd, kind int, local, remote netip.AddrPort) error {
	if local.Port() != 0 || !remote.IsValid() || kind == unix.SOCK_RAW {
		return unix.Bind(fd, sockaddr(local))
	}
	const first, count = 32768, 28232
	err := error(unix.EADDRINUSE)
	for tries := 0; err == unix.EADDRINUSE && tries < count; tries++ {
		port := uint16(first + n.ports.Add(1)%count)
		err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(local.Addr(), port)))
	}
	return err
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
