//go:build linux

package labtest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"natlens/monitor/lab"
)

// conversationTimeout bounds what a conversation waits for at once.
const conversationTimeout = 10 * time.Second

// Related is one conversation in which a helper of the gateway reads of another flow,
// which then begins with the conversation's flow as its master. It needs
// [lab.Config.Helpers], and a kernel for which [lab.Lab.Helps] is true.
type Related struct {
	From *lab.Namespace // nil is the client

	// Expected is called while the gateway expects the flow, Come once the flow is
	// there. The conversation waits for them; nil does nothing.
	Expected, Come func() error
}

func (r *Related) expected() error {
	if r.Expected == nil {
		return nil
	}
	return r.Expected()
}

func (r *Related) come() error {
	if r.Come == nil {
		return nil
	}
	return r.Come()
}

// TFTPOnce asks the server for a file; the first block comes from a port of its
// own (RFC 1350).
func TFTPOnce(ctx context.Context, l *lab.Lab, r Related) error {
	return related(ctx, l, "tftp", lab.ServerTFTP, r, func(from *lab.Namespace, control net.PacketConn) (net.PacketConn, []byte, error) {
		return control, []byte("\x00\x01file\x00octet\x00"), nil
	}, func(_ []byte, client netip.AddrPort) (netip.AddrPort, []byte, error) {
		return client, []byte("\x00\x03\x00\x01block"), nil
	})
}

// sipMedia is where the caller wants the media: RTP's ports are even, RTCP's is
// the next (RFC 3550).
const sipMedia = 46000

// SIPOnce invites the server to a call, which sends media to where the invitation
// says (RFC 3261, RFC 4566). The gateway expects RTP and RTCP; only RTP comes.
func SIPOnce(ctx context.Context, l *lab.Lab, r Related) error {
	return related(ctx, l, "sip", lab.ServerSIP, r, func(from *lab.Namespace, control net.PacketConn) (net.PacketConn, []byte, error) {
		local := control.LocalAddr().(*net.UDPAddr).AddrPort()
		at := netip.AddrPortFrom(local.Addr(), sipMedia)
		media, err := from.ListenUDP(at)
		return media, sipInvite(local, at), err
	}, func(invite []byte, _ netip.AddrPort) (netip.AddrPort, []byte, error) {
		at, err := sdpMedia(string(invite))
		return at, []byte("media"), err
	})
}

// related is one conversation by UDP. say returns the socket on which the client waits
// for the related flow, and what it sends to the server. answer gets that and the
// client's address, and returns where the server's flow goes and what it sends.
func related(ctx context.Context, l *lab.Lab, what string, server netip.AddrPort, r Related,
	say func(*lab.Namespace, net.PacketConn) (net.PacketConn, []byte, error),
	answer func([]byte, netip.AddrPort) (netip.AddrPort, []byte, error),
) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
	}()
	from := cmp.Or(r.From, l.Client)
	heard, err := l.Server.ListenUDP(server)
	if err != nil {
		return err
	}
	defer heard.Close()
	control, err := listenToward(from, server)
	if err != nil {
		return err
	}
	defer control.Close()
	child, text, err := say(from, control)
	if err != nil {
		return err
	}
	defer child.Close()
	if _, err := control.WriteTo(text, net.UDPAddrFromAddrPort(server)); err != nil {
		return err
	}
	got, client, err := receive(ctx, heard)
	if err != nil {
		return err
	}
	to, data, err := answer(got, client)
	if err != nil {
		return err
	}
	if err := r.expected(); err != nil {
		return err
	}
	sender, err := l.Server.ListenUDP(netip.AddrPortFrom(server.Addr(), 0))
	if err != nil {
		return err
	}
	defer sender.Close()
	if _, err := sender.WriteTo(data, net.UDPAddrFromAddrPort(to)); err != nil {
		return err
	}
	if _, _, err := receive(ctx, child); err != nil {
		return fmt.Errorf("related flow to %s: %w", to, err)
	}
	return r.come()
}

// listenToward opens a UDP socket on the address from which the namespace sends to
// remote.
func listenToward(n *lab.Namespace, remote netip.AddrPort) (*net.UDPConn, error) {
	var local netip.Addr
	err := n.Do(func() error {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote)) // it sends nothing
		if err != nil {
			return err
		}
		local = c.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
		return c.Close()
	})
	if err != nil {
		return nil, err
	}
	return n.ListenUDP(netip.AddrPortFrom(local, 0))
}

// receive reads one datagram, and from where it came.
func receive(ctx context.Context, conn net.PacketConn) ([]byte, netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, conversationTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 64<<10)
	n, from, err := conn.ReadFrom(buf)
	if ctx.Err() != nil {
		return nil, netip.AddrPort{}, ctx.Err()
	}
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	return buf[:n], from.(*net.UDPAddr).AddrPort(), nil
}

// sipInvite is an INVITE from a user agent that wants media at an address.
func sipInvite(local, media netip.AddrPort) []byte {
	sdp := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d RTP/AVP 0\r\n", media.Addr(), media.Port())
	head := fmt.Sprintf("INVITE sip:b@%[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@%[3]s>;tag=1\r\n"+
		"To: <sip:b@%[2]s>\r\nCall-ID: 1@%[3]s\r\nCSeq: 1 INVITE\r\nContact: <sip:a@%[1]s>\r\nContent-Type: application/sdp\r\nContent-Length: %[4]d\r\n\r\n",
		local, lab.ServerIP, local.Addr(), len(sdp))
	return []byte(head + sdp)
}

// sdpMedia reads where a session description wants its media.
func sdpMedia(text string) (netip.AddrPort, error) {
	var host string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if a, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			host = a
		}
		if m, ok := strings.CutPrefix(line, "m=audio "); ok {
			port, _, _ := strings.Cut(m, " ")
			return netip.ParseAddrPort(host + ":" + port)
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no media in %q", text)
}
