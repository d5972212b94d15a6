//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// UDP is one exchange of datagrams.
type UDP struct {
	From    *Namespace     // nil is the client
	Local   netip.AddrPort // source; zero address or port: the kernel's choice
	To      netip.AddrPort // an address of ServeUDP
	Bytes   int            // payload; 0 is 32
	NoReply bool           // do not wait for an answer
}

// UDPOnce sends a datagram, waits for its answer and returns the source address.
func (l *Lab) UDPOnce(ctx context.Context, u UDP) (netip.AddrPort, error) {
	return l.datagram(ctx, unix.IPPROTO_UDP, u)
}

// UDPLiteOnce is UDPOnce over UDP-Lite (protocol 136). The server answers on port 53.
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
	if err := await(ctx, conn, u.To.Addr(), func([]byte) bool { return true }); err != nil {
		return local, fmt.Errorf("answer of %s to %s: %w", u.To, from.name, err)
	}
	return local, nil
}

// await reads packets until wanted returns true for one from peer, or until ctx or
// actionTimeout ends.
func await(ctx context.Context, conn net.PacketConn, peer netip.Addr, wanted func([]byte) bool) error {
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	defer endWith(ctx, conn)()
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(buf)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if addrOf(from) == peer && wanted(buf[:n]) {
			return nil
		}
	}
}
