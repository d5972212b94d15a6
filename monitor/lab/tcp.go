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
