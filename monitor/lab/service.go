//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// serve starts all services.
func (l *Lab) serve() error {
	for _, n := range []*Namespace{l.Client, l.Client2, l.Server} {
		if err := silenceKernel(n); err != nil {
			return err
		}
	}
	for _, ip := range l.families(ServerIP, ServerIP6) {
		if err := l.serveServer(ip); err != nil {
			return err
		}
	}
	if err := l.serveConns(l.Server, ServerFTP, l.answerFTP); err != nil {
		return err
	}
	if err := l.ServeTCP(l.Client, ClientHTTP); err != nil {
		return err
	}
	return l.ServeTCP(l.Gateway, netip.AddrPortFrom(netip.IPv4Unspecified(), redirectPort))
}

// serveServer starts the server's services on one of its addresses.
func (l *Lab) serveServer(ip netip.Addr) error {
	for _, port := range []uint16{ServerSSH.Port(), ServerHTTP.Port(), ServerHTTPS.Port()} {
		if err := l.ServeTCP(l.Server, netip.AddrPortFrom(ip, port)); err != nil {
			return err
		}
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
		if err := l.servePackets(l.Server, s.kind, s.proto, netip.AddrPortFrom(ip, s.port), s.answer); err != nil {
			return err
		}
	}
	return nil
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
	if !l.own(listener) {
		return net.ErrClosed
	}
	l.serving.Go(func() {
		for {
			conn, err := listener.AcceptTCP()
			if err != nil {
				return // closed
			}
			if !l.own(conn) {
				return
			}
			l.serving.Go(func() {
				defer l.disown(conn)
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
		if err := sendBytes(conn, binary.BigEndian.Uint64(request[:])); err != nil {
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

// answerGRE answers plain GRE only: an answer to version 1 would be another flow.
func answerGRE(p []byte) []byte {
	if len(p) < 4 || p[1]&7 != 0 {
		return nil
	}
	return p
}

// servePackets answers packets on a datagram or raw socket until Close.
func (l *Lab) servePackets(n *Namespace, kind, proto int, at netip.AddrPort, answer packetAnswer) error {
	conn, err := n.listenPacket(kind, proto, at)
	if err != nil {
		return err
	}
	if !l.own(conn) {
		return fmt.Errorf("serve %s: %w", at, net.ErrClosed)
	}
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
