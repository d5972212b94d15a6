//go:build linux

package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// serve starts all services.
func (l *Lab) serve() error {
	err := silenceKernel(l.Client, l.Client2, l.Server)
	for _, ip := range l.families(ServerIP, ServerIP6) {
		for _, s := range []netip.AddrPort{ServerSSH, ServerHTTP, ServerHTTPS} {
			err = errors.Join(err, l.ServeTCP(l.Server, netip.AddrPortFrom(ip, s.Port())))
		}
		for _, s := range []struct {
			kind, proto int
			port        uint16
			answer      packetAnswer
		}{
			{unix.SOCK_DGRAM, unix.IPPROTO_UDP, ServerDNS.Port(), same},
			{unix.SOCK_DGRAM, unix.IPPROTO_UDP, ServerDiscard.Port(), func([]byte) []byte { return nil }},
			{unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE, ServerDNS.Port(), same},
			{unix.SOCK_RAW, unix.IPPROTO_SCTP, 0, answerSCTP},
			{unix.SOCK_RAW, unix.IPPROTO_GRE, 0, answerGRE},
			{unix.SOCK_RAW, ProtoExperiment, 0, same},
		} {
			err = errors.Join(err, l.servePackets(l.Server, s.kind, s.proto, netip.AddrPortFrom(ip, s.port), s.answer))
		}
	}
	return errors.Join(err,
		l.serveConns(l.Server, ServerFTP, l.answerFTP),
		l.ServeTCP(l.Client, ClientHTTP),
		l.ServeTCP(l.Gateway, netip.AddrPortFrom(netip.IPv4Unspecified(), redirectPort)))
}

// ServeTCP answers TCPOnce in a namespace, until Close.
func (l *Lab) ServeTCP(n *Namespace, at netip.AddrPort) error {
	return l.serveConns(n, at, serveRequests)
}

// serveConns accepts connections and runs handle on each until Close.
func (l *Lab) serveConns(n *Namespace, at netip.AddrPort, handle func(*net.TCPConn) error) error {
	listener, err := n.ListenTCP(at)
	if err != nil {
		return err
	}
	context.AfterFunc(l.life, func() { _ = listener.Close() })
	l.serving.Go(func() {
		for {
			conn, err := listener.AcceptTCP()
			if err != nil {
				return // closed
			}
			l.serving.Go(func() {
				defer conn.Close()
				defer endWith(l.life, conn)()
				_ = handle(conn) // peers may reset
			})
		}
	})
	return nil
}

// serveRequests serves the lab's protocol: a request is the number of bytes to send, in eight
// bytes, big endian. It returns when the peer has sent FIN.
func serveRequests(conn *net.TCPConn) error {
	var request [8]byte
	for {
		if _, err := io.ReadFull(conn, request[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return ackNow(conn)
			}
			return err
		}
		if _, err := io.CopyN(conn, zeros{}, int64(binary.BigEndian.Uint64(request[:]))); err != nil {
			return err
		}
	}
}

// ServeUDP sends every datagram back in a namespace, until Close.
func (l *Lab) ServeUDP(n *Namespace, at netip.AddrPort) error {
	return l.servePackets(n, unix.SOCK_DGRAM, unix.IPPROTO_UDP, at, same)
}

// packetAnswer returns the answer to a packet, which may use the packet's memory. nil is no
// answer.
type packetAnswer func(packet []byte) []byte

func same(p []byte) []byte { return p }

// servePackets answers packets on a datagram or raw socket until Close.
func (l *Lab) servePackets(n *Namespace, kind, proto int, at netip.AddrPort, answer packetAnswer) error {
	c, err := n.socket(kind, proto, at, netip.AddrPort{})
	if err != nil {
		return err
	}
	conn := c.(net.PacketConn)
	context.AfterFunc(l.life, func() { _ = conn.Close() })
	l.serving.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			got, from, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue // an ICMP error for an earlier answer
			}
			if out := answer(buf[:got]); out != nil {
				_, _ = conn.WriteTo(out, from) // the peer may be closed
			}
		}
	})
	return nil
}
