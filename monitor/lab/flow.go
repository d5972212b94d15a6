//go:build linux

package lab

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// TCP is one TCP connection.
type TCP struct {
	From  *Namespace     // nil is the client
	Local netip.AddrPort // source; zero address or port: the kernel's choice
	To    netip.AddrPort // an address of ServeTCP
	Bytes int            // how much the peer sends
	Hold  time.Duration  // pause between the transfer and the end
	Abort bool           // end by RST instead of FIN
}

// TCPOnce opens one connection, fetches Bytes bytes, closes it and returns the source
// address. Without Abort conntrack sees SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT,
// CLOSE_WAIT, LAST_ACK and TIME_WAIT, each in a packet of its own. When TCPOnce returns,
// the peer's FIN has arrived; the last ACK may still be on its way.
func (l *Lab) TCPOnce(ctx context.Context, t TCP) (netip.AddrPort, error) {
	return l.connection(ctx, t, func(ctx context.Context, conn *net.TCPConn) error {
		if err := fetch(conn, t.Bytes); err != nil {
			return err
		}
		return sleep(ctx, t.Hold)
	})
}

// connection opens one connection, calls use and closes it. It takes at most
// actionTimeout more than t.Hold.
func (l *Lab) connection(
	ctx context.Context, t TCP, use func(context.Context, *net.TCPConn) error,
) (local netip.AddrPort, err error) {
	ctx, cancel := context.WithTimeout(ctx, actionTimeout+t.Hold)
	defer cancel()
	conn, err := cmp.Or(t.From, l.Client).DialTCP(ctx, t.Local, t.To)
	if err != nil {
		return local, err
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	local = addrPortOf(conn.LocalAddr())
	err = use(ctx, conn)
	switch {
	case err != nil:
	case t.Abort:
		err = conn.SetLinger(0) // the deferred Close resets
	default:
		err = finish(conn)
	}
	if err != nil {
		return local, fmt.Errorf("tcp %s to %s: %w", local, t.To, err)
	}
	return local, nil
}

// fetch makes one request of the lab's protocol.
func fetch(conn io.ReadWriter, n int) error {
	if _, err := conn.Write(binary.BigEndian.AppendUint64(nil, uint64(n))); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, conn, int64(n))
	return err
}

// finish sends FIN and waits for the peer's.
func finish(conn *net.TCPConn) error {
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, conn)
	if err == nil && n > 0 {
		err = errors.New("the peer sent more than was requested")
	}
	return err
}

// SYNOnce sends one SYN, without retransmissions, and returns its source address. It is
// for destinations that do not answer: the flow is SYN_SENT and UNREPLIED. A zero To is
// port 81 of the black hole.
func (l *Lab) SYNOnce(_ context.Context, t TCP) (netip.AddrPort, error) {
	to := cmp.Or(t.To, netip.AddrPortFrom(Blackhole, 81))
	conn, err := cmp.Or(t.From, l.Client).socket(unix.SOCK_STREAM, unix.IPPROTO_TCP, t.Local, to)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return addrPortOf(conn.LocalAddr()), conn.Close()
}

// ackNow acknowledges the peer's FIN at once. Otherwise our own FIN would carry the
// acknowledgement, and conntrack would see no CLOSE_WAIT.
func ackNow(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	return enable(raw, unix.IPPROTO_TCP, unix.TCP_QUICKACK)
}

// zeros is what services send.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

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
