//go:build linux

package live_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
)

// packet is what a host's own interface showed of one packet.
type packet struct {
	sent     bool // by the host; otherwise it came in
	reply    bool
	proto    string
	src, dst netip.AddrPort // ICMP: the id is the port of the sender of the request
	// key is what NAT does not change, and what only this flow has: the initial sequence
	// number of TCP, the length of UDP, the sequence number of ICMP.
	key uint32
	at  time.Time
}

// tap is a packet socket in a namespace of the lab. Open it before there is traffic.
type tap struct{ fd int }

func openTap(t *testing.T, n *lab.Namespace) tap {
	t.Helper()
	var fd int
	err := n.Do(func() (err error) {
		const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // in network order
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all&0xffff)
		return err
	})
	if err != nil {
		t.Fatalf("packet socket in %s: %v", n.Name(), err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<20))
	if err != nil {
		t.Fatal(err)
	}
	return tap{fd}
}

// read returns the packets since the last read.
func (t tap) read() (packets []packet, err error) {
	buf, control := make([]byte, 64<<10), make([]byte, 256)
	for {
		n, c, _, from, err := unix.Recvmsg(t.fd, buf, control, 0)
		if errors.Is(err, unix.EAGAIN) {
			return packets, nil
		}
		if err != nil {
			return nil, err
		}
		link := from.(*unix.SockaddrLinklayer)
		p, ok := decodePacket(buf[:n])
		if !ok || link.Hatype != unix.ARPHRD_ETHER {
			continue
		}
		p.sent = link.Pkttype == unix.PACKET_OUTGOING
		messages, err := unix.ParseSocketControlMessage(control[:c])
		if err != nil || len(messages) == 0 || len(messages[0].Data) < 16 {
			return nil, fmt.Errorf("a packet without a time: %v", err)
		}
		second, nanos := messages[0].Data, messages[0].Data[8:]
		p.at = time.Unix(int64(binary.NativeEndian.Uint64(second)), int64(binary.NativeEndian.Uint64(nanos)))
		packets = append(packets, p)
	}
}

// decodePacket reads an IPv4 header (RFC 791), and TCP (RFC 9293), UDP (RFC 768) or ICMP echo (RFC 792) behind it.
// It skips packets that begin no direction of a flow.
func decodePacket(b []byte) (p packet, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return p, false
	}
	header, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < 20 || total > len(b) || header+8 > total {
		return p, false
	}
	src, _ := netip.AddrFromSlice(b[12:16])
	dst, _ := netip.AddrFromSlice(b[16:20])
	body := b[header:total]
	sport, dport := binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:])
	switch b[9] {
	case unix.IPPROTO_TCP:
		const syn, ack = 0x02, 0x10
		if len(body) < 20 || body[13]&syn == 0 {
			return p, false
		}
		p.proto, p.reply, p.key = "tcp", body[13]&ack != 0, binary.BigEndian.Uint32(body[4:])
		if p.reply {
			p.key = binary.BigEndian.Uint32(body[8:]) - 1 // it acknowledges the SYN
		}
	case unix.IPPROTO_UDP:
		p.proto, p.reply, p.key = "udp", sport == lab.ServerDNS.Port(), uint32(binary.BigEndian.Uint16(body[4:]))
	case unix.IPPROTO_ICMP:
		const echo, echoReply = 8, 0
		if body[0] != echo && body[0] != echoReply {
			return p, false
		}
		p.proto, p.reply, p.key = "icmp", body[0] == echoReply, uint32(binary.BigEndian.Uint16(body[6:]))
		sport, dport = binary.BigEndian.Uint16(body[4:]), 0
		if p.reply {
			sport, dport = dport, sport
		}
	default:
		return p, false
	}
	p.src, p.dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	return p, true
}
