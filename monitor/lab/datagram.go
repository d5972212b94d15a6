//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// UDP is one exchange of datagrams.
type UDP struct {
	From    *Namespace     // nil is the client
	Local   netip.AddrPort // source; zero address or port: the kernel's choice
	To      netip.AddrPort // where ServeUDP answers
	Bytes   int            // payload; 0 is 32
	NoReply bool           // don't wait for an answer
}

// UDPOnce sends a datagram and waits for its answer; it returns the source
// address.
func (l *Lab) UDPOnce(ctx context.Context, u UDP) (netip.AddrPort, error) {
	return l.datagram(ctx, unix.IPPROTO_UDP, u)
}

// UDPLiteOnce is UDPOnce over UDP-Lite (protocol 136); the server answers on
// port 53.
func (l *Lab) UDPLiteOnce(ctx context.Context, u UDP) (netip.AddrPort, error) {
	return l.datagram(ctx, unix.IPPROTO_UDPLITE, u)
}

func (l *Lab) datagram(ctx context.Context, proto int, u UDP) (netip.AddrPort, error) {
	from := l.orClient(u.From)
	conn, err := from.sender(unix.SOCK_DGRAM, proto, u.Local, u.To)
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer conn.Close()
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	payload := make([]byte, u.Bytes)
	if u.Bytes == 0 {
		payload = make([]byte, 32)
	}
	if _, err := conn.WriteTo(payload, net.UDPAddrFromAddrPort(u.To)); err != nil {
		return local, fmt.Errorf("datagram to %s from %s: %w", u.To, from.name, err)
	}
	if u.NoReply {
		return local, nil
	}
	anything := func([]byte) bool { return true }
	if err := await(ctx, conn, u.To.Addr(), anything); err != nil {
		return local, fmt.Errorf("answer of %s to %s: %w", u.To, from.name, err)
	}
	return local, nil
}

// await reads packets until one from peer is wanted, or ctx or actionTimeout
// ends.
func await(ctx context.Context, conn net.PacketConn, peer netip.Addr, want func([]byte) bool) error {
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(buf)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if addrOf(from) == peer && want(buf[:n]) {
			return nil
		}
	}
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
