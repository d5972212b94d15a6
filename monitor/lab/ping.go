//go:build linux

package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Ping is one ICMP or ICMPv6 echo, by To's family.
type Ping struct {
	From  *Namespace // nil is the client
	Local netip.Addr // source; zero: the kernel's choice
	To    netip.Addr
	ID    uint16
	Seq   uint16
	// NoReply doesn't wait for an answer.
	NoReply bool
}

// PingOnce sends an echo request with the given id and waits for its reply.
func (l *Lab) PingOnce(ctx context.Context, p Ping) error {
	from := l.orClient(p.From)
	proto, request, reply := unix.IPPROTO_ICMP, byte(8), byte(0)
	if p.To.Is6() {
		proto, request, reply = unix.IPPROTO_ICMPV6, 128, 129
	}
	conn, err := from.sender(unix.SOCK_RAW, proto, netip.AddrPortFrom(p.Local, 0), netip.AddrPortFrom(p.To, 0))
	if err != nil {
		return err
	}
	defer conn.Close()
	packet := echoPacket(request, p.ID, p.Seq)
	if p.To.Is4() { // the kernel writes ICMPv6's checksum itself
		binary.BigEndian.PutUint16(packet[2:], internetChecksum(packet))
	}
	if _, err := conn.WriteTo(packet, ipAddr(p.To)); err != nil {
		return fmt.Errorf("ping %s from %s: %w", p.To, from.name, err)
	}
	if p.NoReply {
		return nil
	}
	err = await(ctx, conn, p.To, func(b []byte) bool {
		return len(b) >= 8 && b[0] == reply && binary.BigEndian.Uint16(b[4:]) == p.ID && binary.BigEndian.Uint16(b[6:]) == p.Seq
	})
	if err != nil {
		return fmt.Errorf("ping %s from %s: %w", p.To, from.name, err)
	}
	return nil
}

// echoPacket is an echo request without its checksum, with the 56 bytes of
// payload that ping(8) sends.
func echoPacket(kind byte, id, seq uint16) []byte {
	b := []byte{kind, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, id)
	b = binary.BigEndian.AppendUint16(b, seq)
	return append(b, make([]byte, 56)...)
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

func ipAddr(a netip.Addr) *net.IPAddr { return &net.IPAddr{IP: a.AsSlice()} }
