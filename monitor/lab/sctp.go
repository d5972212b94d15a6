//go:build linux

package lab

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// SCTP is one association.
type SCTP struct {
	From  *Namespace     // nil is the client
	Local netip.AddrPort // source; zero address: the kernel's choice; zero port: 5000
	To    netip.AddrPort // any port of the server; zero port: 3868
}

// SCTPOnce opens one association, sends a message, shuts the association down and
// returns the source address. It writes the packets itself (RFC 9260): many kernels have
// no SCTP sockets, but conntrack tracks the protocol all the same.
func (l *Lab) SCTPOnce(ctx context.Context, s SCTP) (netip.AddrPort, error) {
	from := cmp.Or(s.From, l.Client)
	sport, dport := cmp.Or(s.Local.Port(), 5000), cmp.Or(s.To.Port(), 3868)
	conn, err := from.socket(unix.SOCK_RAW, unix.IPPROTO_SCTP,
		netip.AddrPortFrom(s.Local.Addr(), 0), netip.AddrPortFrom(s.To.Addr(), 0))
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer conn.Close()
	ip, _ := netip.AddrFromSlice(conn.LocalAddr().(*net.IPAddr).IP)
	local := netip.AddrPortFrom(ip.Unmap(), sport)
	tag := uint32(0) // INIT has no tag yet
	for _, x := range sctpDialogue {
		var wanted func([]byte) bool
		if x.server != nil {
			want := sctpPacket(dport, sport, sctpClientTag, x.server)
			wanted = func(b []byte) bool { return bytes.Equal(b, want) }
		}
		if err := exchange(ctx, conn, sctpPacket(sport, dport, tag, x.client), wanted); err != nil {
			return local, fmt.Errorf("sctp chunk %d: %w", x.client[0], err)
		}
		tag = sctpServerTag
	}
	return local, nil
}

// The verification tags of both sides are the same in every association, so that the
// server needs no state. Ports distinguish associations.
const sctpClientTag, sctpServerTag = 1, 2

// sctpDialogue is an association: the client's chunks and the server's answers.
var sctpDialogue = []struct{ client, server []byte }{
	// INIT, INIT ACK
	{chunk(1, 0, sctpInit(sctpClientTag)...), chunk(2, 0, append(sctpInit(sctpServerTag), sctpCookie...)...)},
	// COOKIE ECHO, COOKIE ACK
	{chunk(10, 0, sctpCookie[4:]...), chunk(11, 0)},
	// DATA: TSN 1, stream 0, a whole message of 32 bytes. SACK: TSN 1, window, no gaps, no duplicates
	{chunk(0, 3, append([]byte{0, 0, 0, 1}, make([]byte, 8+32)...)...),
		chunk(3, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0)},
	// SHUTDOWN, SHUTDOWN ACK
	{chunk(7, 0, 0, 0, 0, 1), chunk(8, 0)},
	// SHUTDOWN COMPLETE
	{chunk(14, 0), nil},
}

var (
	sctpCookie = []byte{0, 7, 0, 8, 'l', 'a', 'b', '!'} // parameter 7 of INIT ACK
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// sctpInit is what INIT and INIT ACK have in common: tag, window, one stream in each
// direction, first TSN 1.
func sctpInit(tag uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, tag)
	return append(b, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1)
}

// chunk returns a chunk, padded to four bytes.
func chunk(kind, flags byte, body ...byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{kind, flags}, uint16(4+len(body)))
	b = append(b, body...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

// sctpPacket returns a packet with one chunk.
func sctpPacket(sport, dport uint16, tag uint32, c []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, sport)
	b = binary.BigEndian.AppendUint16(b, dport)
	b = binary.BigEndian.AppendUint32(b, tag)
	b = append(append(b, 0, 0, 0, 0), c...)
	// The checksum is the one little endian field of SCTP (RFC 9260, appendix A).
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, castagnoli))
	return b
}

// answerSCTP is the server's side of SCTPOnce. It returns nil for packets that need no
// answer.
func answerSCTP(b []byte) []byte {
	if len(b) < 13 {
		return nil
	}
	for _, x := range sctpDialogue {
		if x.client[0] == b[12] && x.server != nil {
			return sctpPacket(binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b), sctpClientTag, x.server)
		}
	}
	return nil
}
