//go:build linux

package lab

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
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
	conn, err := cmp.Or(u.From, l.Client).socket(unix.SOCK_DGRAM, proto, u.Local, u.To)
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer conn.Close()
	wanted := func([]byte) bool { return true }
	if u.NoReply {
		wanted = nil
	}
	return addrPortOf(conn.LocalAddr()), exchange(ctx, conn, make([]byte, cmp.Or(u.Bytes, 32)), wanted)
}

// exchange sends a packet to the peer of a connected socket. It reads until wanted
// returns true for a packet from there, or until ctx or actionTimeout ends. A nil wanted
// waits for no packet.
func exchange(ctx context.Context, conn net.Conn, packet []byte, wanted func([]byte) bool) error {
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	defer endWith(ctx, conn)()
	_, err := conn.Write(packet)
	buf := make([]byte, 64<<10)
	for n := 0; err == nil && wanted != nil; {
		if n, _, err = conn.(net.PacketConn).ReadFrom(buf); err == nil && wanted(buf[:n]) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s to %s: %w", conn.LocalAddr().Network(), conn.LocalAddr(), conn.RemoteAddr(),
			cmp.Or(ctx.Err(), err))
	}
	return nil
}

// ProtoExperiment is a protocol without a tracker in conntrack: only their addresses
// identify its flows (RFC 3692: for experimentation).
const ProtoExperiment = 253

// Raw is one exchange of packets of a protocol without ports.
type Raw struct {
	From *Namespace // nil is the client
	To   netip.Addr // ServerIP and ServerIP6 answer
}

// RawOnce sends a packet of ProtoExperiment and waits for its echo.
func (l *Lab) RawOnce(ctx context.Context, r Raw) error {
	return l.echo(ctx, ProtoExperiment, r, make([]byte, 32))
}

// GRE is one exchange of GRE packets.
type GRE struct {
	Raw
	// CallID other than 0 sends PPTP's version 1 with this call id, which conntrack
	// shows as the destination key. GREOnce does not wait for an answer then: without a
	// PPTP control connection conntrack cannot relate one. 0 sends plain GRE, whose
	// keys conntrack ignores.
	CallID uint16
}

// GREOnce sends a GRE packet and, for version 0, waits for its echo. IPv4 only.
func (l *Lab) GREOnce(ctx context.Context, g GRE) error {
	if g.CallID == 0 {
		// Flags: key present; protocol IPv4; key 7; no payload.
		return l.echo(ctx, unix.IPPROTO_GRE, g.Raw, []byte{0x20, 0, 0x08, 0, 0, 0, 0, 7})
	}
	// RFC 2637: flags key and sequence, version 1; PPP; no payload; call id; sequence number.
	b := binary.BigEndian.AppendUint16([]byte{0x30, 0x01, 0x88, 0x0b, 0, 0}, g.CallID)
	return l.raw(ctx, unix.IPPROTO_GRE, g.Raw, append(b, 0, 0, 0, 1), nil)
}

// answerGRE answers plain GRE only: an answer to version 1 would be another flow.
func answerGRE(p []byte) []byte {
	if len(p) < 4 || p[1]&7 != 0 {
		return nil
	}
	return p
}

// echo sends a packet and waits until it comes back.
func (l *Lab) echo(ctx context.Context, proto int, r Raw, packet []byte) error {
	return l.raw(ctx, proto, r, packet, func(b []byte) bool { return string(b) == string(packet) })
}

// raw is exchange with a raw socket.
func (l *Lab) raw(ctx context.Context, proto int, r Raw, packet []byte, wanted func([]byte) bool) error {
	from := cmp.Or(r.From, l.Client)
	conn, err := from.socket(unix.SOCK_RAW, proto, netip.AddrPort{}, netip.AddrPortFrom(r.To, 0))
	if err != nil {
		return err
	}
	defer conn.Close()
	return exchange(ctx, conn, packet, wanted)
}

// Ping is one ICMP or ICMPv6 echo, by To's family.
type Ping struct {
	From    *Namespace // nil is the client
	To      netip.Addr
	ID      uint16
	Seq     uint16
	NoReply bool // do not wait for an answer
}

// PingOnce sends an echo request and waits for its reply.
func (l *Lab) PingOnce(ctx context.Context, p Ping) error {
	// 56 bytes of data, as ping(8) sends.
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(p.ID), Seq: int(p.Seq), Data: make([]byte, 56)}}
	proto, reply := unix.IPPROTO_ICMP, byte(ipv4.ICMPTypeEchoReply)
	if p.To.Is6() {
		m.Type = ipv6.ICMPTypeEchoRequest
		proto, reply = unix.IPPROTO_ICMPV6, byte(ipv6.ICMPTypeEchoReply)
	}
	packet, err := m.Marshal(nil) // the kernel writes ICMPv6's checksum
	if err != nil {
		return err
	}
	wanted := func(b []byte) bool { return len(b) >= 8 && b[0] == reply && string(b[4:8]) == string(packet[4:8]) }
	if p.NoReply {
		wanted = nil
	}
	return l.raw(ctx, proto, Raw{From: p.From, To: p.To}, packet, wanted)
}
