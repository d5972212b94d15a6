//go:build linux

package lab

import (
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
	return l.connection(ctx, t, t.Hold, func(ctx context.Context, conn *net.TCPConn) error {
		if err := fetch(conn, t.Bytes); err != nil {
			return err
		}
		return sleep(ctx, t.Hold)
	})
}

// connection opens one connection, calls use and closes it. It takes at most
// actionTimeout more than the given time.
func (l *Lab) connection(ctx context.Context, t TCP, length time.Duration,
	use func(context.Context, *net.TCPConn) error,
) (netip.AddrPort, error) {
	from := l.orClient(t.From)
	ctx, cancel := context.WithTimeout(ctx, actionTimeout+length)
	defer cancel()
	conn, err := from.DialTCP(ctx, t.Local, t.To)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("tcp from %s: %w", from.name, err)
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	local := addrPortOf(conn.LocalAddr())
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
	if n < 0 {
		return fmt.Errorf("fetch %d bytes", n)
	}
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
	_, err := conn.Read(make([]byte, 1))
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return errors.New("the peer sent more than was requested")
	}
	return err
}

// SYNOnce sends one SYN, without retransmissions, and returns its source address. It is
// for destinations that do not answer: the flow is SYN_SENT and UNREPLIED. A zero To is
// port 81 of the black hole.
func (l *Lab) SYNOnce(_ context.Context, t TCP) (netip.AddrPort, error) {
	if !t.To.IsValid() {
		t.To = netip.AddrPortFrom(Blackhole, 81)
	}
	return l.orClient(t.From).connectOnce(t.Local, t.To)
}

// ackNow acknowledges the peer's FIN at once. Otherwise our own FIN would carry the
// acknowledgement, and conntrack would see no CLOSE_WAIT.
func ackNow(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	return errors.Join(raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	}), err)
}

var filler [32 << 10]byte

func sendBytes(w io.Writer, n uint64) error {
	for n > 0 {
		size := min(n, uint64(len(filler)))
		if _, err := w.Write(filler[:size]); err != nil {
			return err
		}
		n -= size
	}
	return nil
}
