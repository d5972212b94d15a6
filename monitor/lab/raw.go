//go:build linux

package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// ProtoExperiment is a protocol without a tracker in conntrack: only their addresses
// identify its flows (RFC 3692: for experimentation).
const ProtoExperiment = 253

// Raw is one exchange of packets of a protocol without ports.
type Raw struct {
	From    *Namespace // nil is the client
	Local   netip.Addr // source; zero: the kernel's choice
	To      netip.Addr // ServerIP and ServerIP6 answer
	NoReply bool       // do not wait for an answer
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
	g.NoReply = true
	// RFC 2637: flags key and sequence, version 1; PPP; no payload; call id; sequence number.
	b := binary.BigEndian.AppendUint16([]byte{0x30, 0x01, 0x88, 0x0b, 0, 0}, g.CallID)
	return l.echo(ctx, unix.IPPROTO_GRE, g.Raw, append(b, 0, 0, 0, 1))
}

// echo sends a packet and waits until it comes back.
func (l *Lab) echo(ctx context.Context, proto int, r Raw, packet []byte) error {
	return l.exchange(ctx, proto, r, packet, func(b []byte) bool { return string(b) == string(packet) })
}

// exchange sends a packet and waits for the wanted answer.
func (l *Lab) exchange(ctx context.Context, proto int, r Raw, packet []byte, wanted func([]byte) bool) error {
	from := l.orClient(r.From)
	conn, err := from.sender(unix.SOCK_RAW, proto, netip.AddrPortFrom(r.Local, 0), netip.AddrPortFrom(r.To, 0))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.WriteTo(packet, ipAddr(r.To))
	if err == nil && !r.NoReply {
		err = await(ctx, conn, r.To, wanted)
	}
	if err != nil {
		return fmt.Errorf("protocol %d to %s from %s: %w", proto, r.To, from.name, err)
	}
	return nil
}

// Ping is one ICMP or ICMPv6 echo, by To's family.
type Ping struct {
	From    *Namespace // nil is the client
	Local   netip.Addr // source; zero: the kernel's choice
	To      netip.Addr
	ID      uint16
	Seq     uint16
	NoReply bool // do not wait for an answer
}

// PingOnce sends an echo request and waits for its reply.
func (l *Lab) PingOnce(ctx context.Context, p Ping) error {
	proto, request, reply := unix.IPPROTO_ICMP, byte(8), byte(0)
	if p.To.Is6() {
		proto, request, reply = unix.IPPROTO_ICMPV6, 128, 129
	}
	packet := []byte{request, 0, 0, 0}
	packet = binary.BigEndian.AppendUint16(packet, p.ID)
	packet = binary.BigEndian.AppendUint16(packet, p.Seq)
	packet = append(packet, make([]byte, 56)...) // as ping(8) sends
	if p.To.Is4() {                              // the kernel writes ICMPv6's checksum
		binary.BigEndian.PutUint16(packet[2:], internetChecksum(packet))
	}
	raw := Raw{From: p.From, Local: p.Local, To: p.To, NoReply: p.NoReply}
	return l.exchange(ctx, proto, raw, packet, func(b []byte) bool {
		return len(b) >= 8 && b[0] == reply && string(b[4:8]) == string(packet[4:8])
	})
}

// internetChecksum is RFC 1071's, of an even number of bytes.
func internetChecksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
