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
)

// actionTimeout ends an action whose packets were lost.
const actionTimeout = 10 * time.Second

// TCP is one TCP connection.
type TCP struct {
	From  *Namespace     // nil is the client
	Local netip.AddrPort // source; zero address or port: the kernel's choice
	To    netip.AddrPort // where ServeTCP answers
	Bytes int            // how much the peer sends
	Hold  time.Duration  // pause between the transfer and the end
	Abort bool           // end by RST instead of FIN
}

// TCPOnce makes one connection, fetches Bytes bytes and ends it; it returns
// the source address. Without Abort conntrack sees SYN_SENT, SYN_RECV,
// ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, each in a packet of
// its own. When it returns the peer's FIN has been seen here; our last ACK may
// still be on its way.
func (l *Lab) TCPOnce(ctx context.Context, t TCP) (netip.AddrPort, error) {
	from := l.orClient(t.From)
	ctx, cancel := context.WithTimeout(ctx, actionTimeout+t.Hold)
	defer cancel()
	conn, err := from.DialTCP(ctx, complete(t.Local, t.To), t.To)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("tcp from %s: %w", from.name, err)
	}
	defer conn.Close()
	local := conn.LocalAddr().(*net.TCPAddr).AddrPort()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := fetch(conn, t.Bytes); err != nil {
		return local, fmt.Errorf("tcp %s to %s: %w", local, t.To, err)
	}
	if err := sleep(ctx, t.Hold); err != nil {
		return local, err
	}
	if t.Abort {
		return local, conn.SetLinger(0) // the deferred Close resets
	}
	if err := finish(conn); err != nil {
		return local, fmt.Errorf("tcp %s to %s: close: %w", local, t.To, err)
	}
	return local, nil
}

// fetch does one request of the lab's protocol.
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
		return errors.New("the peer sent more than was asked")
	}
	return err
}

// SYNOnce sends one SYN from the client that nobody answers (retransmissions
// cut off) and returns its source address: SYN_SENT, UNREPLIED. A zero To is
// the black hole's port 81.
func (l *Lab) SYNOnce(ctx context.Context, t TCP) (netip.AddrPort, error) {
	if !t.To.IsValid() {
		t.To = netip.AddrPortFrom(Blackhole, 81)
	}
	from := l.orClient(t.From)
	return from.connectOnce(complete(t.Local, t.To), t.To)
}

func (l *Lab) orClient(n *Namespace) *Namespace {
	if n == nil {
		return l.Client
	}
	return n
}

// complete gives a chosen port without an address the unspecified address of
// the peer's family.
func complete(local, remote netip.AddrPort) netip.AddrPort {
	if local.Addr().IsValid() {
		return local
	}
	if remote.Addr().Is4() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), local.Port())
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
