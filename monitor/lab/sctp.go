//go:build linux

package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
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

// SCTPOnce makes one association, sends a message and shuts it down, all in
// packets of its own make (RFC 9260): many kernels have no SCTP sockets, while
// conntrack follows the protocol all the same. It returns the source address.
//
//	client                      server
//	INIT             ─────────▶
//	                 ◀─────────  INIT ACK
//	COOKIE ECHO      ─────────▶
//	                 ◀─────────  COOKIE ACK
//	DATA             ─────────▶
//	                 ◀─────────  SACK
//	SHUTDOWN         ─────────▶
//	                 ◀─────────  SHUTDOWN ACK
//	SHUTDOWN COMPLETE ────────▶
func (l *Lab) SCTPOnce(ctx context.Context, s SCTP) (netip.AddrPort, error) {
	from := l.orClient(s.From)
	if s.To.Port() == 0 {
		s.To = netip.AddrPortFrom(s.To.Addr(), 3868)
	}
	local, err := from.source(s.Local, s.To)
	if err != nil {
		return local, err
	}
	if local.Port() == 0 {
		local = netip.AddrPortFrom(local.Addr(), 5000)
	}
	conn, err := from.listenPacket(unix.SOCK_RAW, unix.IPPROTO_SCTP, netip.AddrPortFrom(local.Addr(), 0))
	if err != nil {
		return local, err
	}
	defer conn.Close()
	a := association{conn: conn, to: s.To.Addr(), sport: local.Port(), dport: s.To.Port(), tag: rand.Uint32() | 1}
	if err := a.run(ctx); err != nil {
		return local, fmt.Errorf("sctp from %s: %w", from.name, err)
	}
	return local, nil
}

// Chunk types of RFC 9260, section 3.2.
const (
	chunkData             = 0
	chunkInit             = 1
	chunkInitAck          = 2
	chunkSack             = 3
	chunkShutdown         = 7
	chunkShutdownAck      = 8
	chunkCookieEcho       = 10
	chunkCookieAck        = 11
	chunkShutdownComplete = 14
)

// association is the client's side of one.
type association struct {
	conn         net.PacketConn
	to           netip.Addr
	sport, dport uint16
	tag          uint32 // ours: the peer puts it on what it sends
	peerTag      uint32
}

func (a *association) run(ctx context.Context) error {
	ack, err := a.exchange(ctx, chunk(chunkInit, 0, initBody(a.tag)), chunkInitAck)
	if err != nil {
		return err
	}
	cookie, err := cookieOf(ack)
	if err != nil {
		return err
	}
	a.peerTag = binary.BigEndian.Uint32(ack)
	data := append([]byte{0, 0, 0, 1}, make([]byte, 8+32)...) // TSN 1, stream 0, 32 bytes
	const wholeMessage = 3                                    // flags B and E
	for _, step := range []struct {
		send []byte
		want byte
	}{
		{chunk(chunkCookieEcho, 0, cookie), chunkCookieAck},
		{chunk(chunkData, wholeMessage, data), chunkSack},
		{chunk(chunkShutdown, 0, []byte{0, 0, 0, 1}), chunkShutdownAck},
	} {
		if _, err := a.exchange(ctx, step.send, step.want); err != nil {
			return err
		}
	}
	return a.send(chunk(chunkShutdownComplete, 0, nil))
}

// exchange sends a chunk and waits for the wanted one; it returns its body.
func (a *association) exchange(ctx context.Context, c []byte, want byte) ([]byte, error) {
	if err := a.send(c); err != nil {
		return nil, err
	}
	var body []byte
	err := await(ctx, a.conn, a.to, func(b []byte) bool {
		p, ok := parseSCTP(b)
		if !ok || p.sport != a.dport || p.dport != a.sport || p.tag != a.tag || p.chunk != want {
			return false
		}
		body = append(body[:0], p.body...)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("wait for chunk %d: %w", want, err)
	}
	return body, nil
}

func (a *association) send(c []byte) error {
	_, err := a.conn.WriteTo(sctpPacket(a.sport, a.dport, a.peerTag, c), ipAddr(a.to))
	return err
}

// sctp is a packet with one chunk.
type sctp struct {
	sport, dport uint16
	tag          uint32
	chunk        byte
	body         []byte
}

// parseSCTP reads the first chunk of a packet. The checksum is not looked at:
// the gateway's conntrack did, or the packet was never forwarded.
func parseSCTP(b []byte) (sctp, bool) {
	if len(b) < 16 {
		return sctp{}, false
	}
	length := int(binary.BigEndian.Uint16(b[14:]))
	if length < 4 || 12+length > len(b) {
		return sctp{}, false
	}
	return sctp{
		sport: binary.BigEndian.Uint16(b),
		dport: binary.BigEndian.Uint16(b[2:]),
		tag:   binary.BigEndian.Uint32(b[4:]),
		chunk: b[12],
		body:  b[16 : 12+length],
	}, true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sctpPacket(sport, dport uint16, tag uint32, c []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, sport)
	b = binary.BigEndian.AppendUint16(b, dport)
	b = binary.BigEndian.AppendUint32(b, tag)
	b = append(b, 0, 0, 0, 0)
	b = append(b, c...)
	// The one field of SCTP that is little endian (RFC 9260, appendix A).
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, castagnoli))
	return b
}

// chunk makes a chunk, padded to four bytes.
func chunk(kind, flags byte, body []byte) []byte {
	b := append([]byte{kind, flags}, 0, 0)
	binary.BigEndian.PutUint16(b[2:], uint16(4+len(body)))
	b = append(b, body...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

// initBody is what INIT and INIT ACK have in common: tag, window, one stream
// each way, first TSN 1.
func initBody(tag uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, tag)
	b = binary.BigEndian.AppendUint32(b, 64<<10)
	return append(b, 0, 1, 0, 1, 0, 0, 0, 1)
}

// cookieOf finds the state cookie (parameter 7) of an INIT ACK's body.
func cookieOf(body []byte) ([]byte, error) {
	const fixed, stateCookie = 16, 7
	for p := body[min(fixed, len(body)):]; len(p) >= 4; {
		length := int(binary.BigEndian.Uint16(p[2:]))
		if length < 4 || length > len(p) {
			break
		}
		if binary.BigEndian.Uint16(p) == stateCookie {
			return p[4:length], nil
		}
		p = p[min((length+3)&^3, len(p)):]
	}
	return nil, fmt.Errorf("INIT ACK of %d bytes has no state cookie", len(body))
}

// serverTag makes the server's tag from the client's and the other way round,
// so that the server needs no memory of its associations.
func serverTag(client uint32) uint32 { return client ^ 0x5a5a5a5a }

// answerSCTP is the server's side of SCTPOnce.
func answerSCTP(b []byte) []byte {
	p, ok := parseSCTP(b)
	if !ok {
		return nil
	}
	client := serverTag(p.tag)
	var c []byte
	switch p.chunk {
	case chunkInit:
		if len(p.body) < 16 {
			return nil
		}
		client = binary.BigEndian.Uint32(p.body)
		cookie := []byte{0, 7, 0, 8, 'l', 'a', 'b', '!'}
		c = chunk(chunkInitAck, 0, append(initBody(serverTag(client)), cookie...))
	case chunkCookieEcho:
		c = chunk(chunkCookieAck, 0, nil)
	case chunkData: // acknowledge TSN 1, window, no gaps, no duplicates
		c = chunk(chunkSack, 0, []byte{0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0})
	case chunkShutdown:
		c = chunk(chunkShutdownAck, 0, nil)
	default:
		return nil
	}
	return sctpPacket(p.dport, p.sport, client, c)
}
