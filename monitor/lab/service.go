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

// redirectPort is where the gateway answers what it redirects to itself.
const redirectPort = 9091

// serve starts everything that answers.
func (l *Lab) serve() error {
	for _, n := range []*Namespace{l.Client, l.Client2, l.Server} {
		if err := silenceKernel(n); err != nil {
			return err
		}
	}
	if err := l.serveServer(ServerIP); err != nil {
		return err
	}
	if l.IPv6 {
		if err := l.serveServer(ServerIP6); err != nil {
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
	if err := l.ServeUDP(l.Server, netip.AddrPortFrom(ip, ServerDNS.Port())); err != nil {
		return err
	}
	for _, s := range []struct {
		kind, proto int
		port        uint16
		answer      reply
	}{
		{unix.SOCK_DGRAM, unix.IPPROTO_UDP, ServerDiscard.Port(), discard},
		{unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE, ServerDNS.Port(), echo},
		{unix.SOCK_RAW, unix.IPPROTO_SCTP, 0, answerSCTP},
		{unix.SOCK_RAW, unix.IPPROTO_GRE, 0, echoGRE},
		{unix.SOCK_RAW, ProtoExperiment, 0, echo},
	} {
		if err := l.servePackets(l.Server, s.kind, s.proto, netip.AddrPortFrom(ip, s.port), s.answer); err != nil {
			return err
		}
	}
	return nil
}

// ServeTCP answers TCPOnce in a namespace, until Close.
func (l *Lab) ServeTCP(n *Namespace, at netip.AddrPort) error {
	return l.serveConns(n, at, answer)
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
				// A peer that resets is one of the lab's kinds of traffic.
				_ = handle(conn)
			})
		}
	})
	return nil
}

// answer serves the lab's request protocol: each request is eight bytes, how
// many bytes to send (big endian). It closes when the peer has finished.
func answer(conn *net.TCPConn) error {
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

// ackNow sends the acknowledgement of the peer's FIN at once. Else it would
// ride on our own FIN, and conntrack would see no CLOSE_WAIT.
func ackNow(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		serr = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
	return errors.Join(err, serr)
}

var filler [32 << 10]byte

func sendBytes(w io.Writer, n uint64) error {
	for n > 0 {
		chunk := min(n, uint64(len(filler)))
		if _, err := w.Write(filler[:chunk]); err != nil {
			return err
		}
		n -= chunk
	}
	return nil
}

// ServeUDP sends every datagram back in a namespace, until Close.
func (l *Lab) ServeUDP(n *Namespace, at netip.AddrPort) error {
	return l.servePackets(n, unix.SOCK_DGRAM, unix.IPPROTO_UDP, at, echo)
}

// reply makes the answer to a packet, in place or anew; nil is none.
type reply func(packet []byte) []byte

func echo(p []byte) []byte  { return p }
func discard([]byte) []byte { return nil }

// servePackets answers packets on a datagram or raw socket until Close.
func (l *Lab) servePackets(n *Namespace, kind, proto int, at netip.AddrPort, answer reply) error {
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
				continue // an ICMP error that belongs to an earlier answer
			}
			if out := answer(buf[:got]); out != nil {
				// The peer may be gone; datagrams may be lost.
				_, _ = conn.WriteTo(out, from)
			}
		}
	})
	return nil
}
