//go:build linux

package main

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

// The services of the conversations.
var (
	serverTFTP = netip.AddrPortFrom(lab.ServerIP, 69)
	serverSIP  = netip.AddrPortFrom(lab.ServerIP, 5060)
	serverPPTP = netip.AddrPortFrom(lab.ServerIP, 1723)
)

// conversationTimeout bounds each wait of a conversation.
const conversationTimeout = 10 * time.Second

// relatedFlow is a conversation from which a helper of the gateway learns of another flow.
// That flow then begins, with the conversation's flow as its master. It needs
// the helper, which [lab.Lab.Assign] assigns.
type relatedFlow struct {
	From *lab.Namespace // nil is the client

	// Expected is called while the gateway expects the flow, Come once the flow exists.
	// The conversation waits for them. nil does nothing.
	Expected, Come func() error
}

// callIfSet calls f unless it is nil.
func callIfSet(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

// tftpOnce requests a file from the server. The first block comes from a new port
// (RFC 1350).
func tftpOnce(ctx context.Context, l *lab.Lab, r relatedFlow) error {
	ask := func(_ *lab.Namespace, control *net.UDPConn) (*net.UDPConn, []byte, error) {
		return control, []byte("\x00\x01file\x00octet\x00"), nil
	}
	answer := func(_ []byte, client netip.AddrPort) (netip.AddrPort, []byte, error) {
		return client, []byte("\x00\x03\x00\x01block"), nil
	}
	return related(ctx, l, "tftp", serverTFTP, r, ask, answer)
}

// sipMedia is the caller's port of RTP, an even one. RTCP's is the next (RFC 3550).
const sipMedia = 46000

// sipOnce invites the server to a call. The server sends media to the address in the
// invitation (RFC 3261, RFC 4566). The gateway expects RTP and RTCP; only RTP follows.
func sipOnce(ctx context.Context, l *lab.Lab, r relatedFlow) error {
	ask := func(from *lab.Namespace, control *net.UDPConn) (*net.UDPConn, []byte, error) {
		local := control.LocalAddr().(*net.UDPAddr).AddrPort()
		at := netip.AddrPortFrom(local.Addr(), sipMedia)
		media, err := from.ListenUDP(at)
		return media, sipInvite(local, at), err
	}
	answer := func(invite []byte, _ netip.AddrPort) (netip.AddrPort, []byte, error) {
		at, err := sdpMedia(string(invite))
		return at, []byte("media"), err
	}
	return related(ctx, l, "sip", serverSIP, r, ask, answer)
}

// related is one conversation by UDP. ask returns the socket on which the client waits
// for the related flow, and the request to the server. answer gets the request and the
// client's address, and returns the destination of the related flow and its packet.
func related(ctx context.Context, l *lab.Lab, what string, server netip.AddrPort, r relatedFlow,
	ask func(*lab.Namespace, *net.UDPConn) (*net.UDPConn, []byte, error),
	answer func([]byte, netip.AddrPort) (netip.AddrPort, []byte, error),
) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, conversationTimeout)
	defer cancel()
	from := cmp.Or(r.From, l.Client)
	service, err := l.Server.ListenUDP(server)
	if err != nil {
		return err
	}
	defer service.Close()
	control, err := listenToward(from, server)
	if err != nil {
		return err
	}
	defer control.Close()
	child, request, err := ask(from, control)
	if err != nil {
		return err
	}
	defer child.Close()
	if _, err := control.WriteToUDPAddrPort(request, server); err != nil {
		return err
	}
	got, client, err := receiveUDP(ctx, service)
	if err != nil {
		return err
	}
	to, data, err := answer(got, client)
	if err != nil {
		return err
	}
	if err := callIfSet(r.Expected); err != nil {
		return err
	}
	sender, err := l.Server.ListenUDP(netip.AddrPortFrom(server.Addr(), 0))
	if err != nil {
		return err
	}
	defer sender.Close()
	if _, err := sender.WriteToUDPAddrPort(data, to); err != nil {
		return err
	}
	if _, _, err := receiveUDP(ctx, child); err != nil {
		return fmt.Errorf("related flow to %s: %w", to, err)
	}
	return callIfSet(r.Come)
}

// listenToward opens a UDP socket on the address from which the namespace sends to
// remote.
func listenToward(n *lab.Namespace, remote netip.AddrPort) (conn *net.UDPConn, err error) {
	err = n.Do(func() error {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote)) // sends nothing
		if err != nil {
			return err
		}
		defer c.Close()
		conn, err = net.ListenUDP("udp", &net.UDPAddr{IP: c.LocalAddr().(*net.UDPAddr).IP})
		return err
	})
	return conn, err
}

// receiveUDP reads one datagram and its source.
func receiveUDP(ctx context.Context, conn *net.UDPConn) ([]byte, netip.AddrPort, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 64<<10)
	n, from, err := conn.ReadFromUDPAddrPort(buf)
	return buf[:n], from, err
}

// sipInvite is an INVITE of a user agent at local that expects media at an address.
func sipInvite(local, media netip.AddrPort) []byte {
	sdp := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\n"+
		"m=audio %[2]d RTP/AVP 0\r\n", media.Addr(), media.Port())
	head := fmt.Sprintf("INVITE sip:b@%[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"+
		"From: <sip:a@%[3]s>;tag=1\r\nTo: <sip:b@%[2]s>\r\nCall-ID: 1@%[3]s\r\nCSeq: 1 INVITE\r\n"+
		"Contact: <sip:a@%[1]s>\r\nContent-Type: application/sdp\r\nContent-Length: %[4]d\r\n\r\n",
		local, lab.ServerIP, local.Addr(), len(sdp))
	return []byte(head + sdp)
}

// sdpMedia returns the media address of a session description.
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
