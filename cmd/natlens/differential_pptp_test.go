//go:build linux

package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"natlens/monitor/lab"
)

// The call ids of the lab's tunnel.
const (
	pptpClientCall = 77
	pptpServerCall = 88
)

// Control messages of PPTP (RFC 2637).
const (
	pptpMagic = 0x1a2b3c4d

	pptpStartRequest = 1
	pptpStartReply   = 2
	pptpCallRequest  = 7
	pptpCallReply    = 8
)

// pptpOnce opens a tunnel to the server and sends a GRE packet into it. The helper reads
// both call ids, which are the keys of GRE, from the control connection.
func pptpOnce(ctx context.Context, l *lab.Lab, r relatedFlow) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("pptp: %w", err)
		}
	}()
	from := cmp.Or(r.From, l.Client)
	listener, err := l.Server.ListenTCP(serverPPTP)
	if err != nil {
		return err
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(ctx, conversationTimeout)
	defer cancel()
	conn, err := from.DialTCP(ctx, netip.AddrPort{}, serverPPTP)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() {
		_ = listener.SetDeadline(time.Unix(1, 0))
		_ = conn.SetDeadline(time.Unix(1, 0))
	})
	defer stop()
	peer, err := listener.AcceptTCP()
	if err != nil {
		return err
	}
	defer peer.Close()
	if err := pptpDialogue(conn, peer); err != nil {
		return err
	}
	if err := callIfSet(r.Expected); err != nil {
		return err
	}
	if err := l.GREOnce(ctx, lab.GRE{Raw: lab.Raw{From: from, To: lab.ServerIP}, CallID: pptpServerCall}); err != nil {
		return err
	}
	return callIfSet(r.Come)
}

// pptpDialogue opens the tunnel. Each message is read before the next one is sent, as the
// gateway's helper requires. NAT may translate the client's call id; the server's answer
// has the translated one.
func pptpDialogue(client, server net.Conn) error {
	call := uint16(pptpClientCall)
	for _, m := range []struct {
		from, to net.Conn
		kind     uint16
		body     func() []byte
	}{
		// Version 1.0, both kinds of framing and of bearer, no channels; names.
		{client, server, pptpStartRequest, func() []byte { return pptpBody(144, 0x0100, 0, 0, 3, 0, 3) }},
		{server, client, pptpStartReply, func() []byte { return pptpBody(144, 0x0100, 0x0100, 0, 3, 0, 3) }},
		// The call's id and serial, the speeds, bearer and framing, the window.
		{client, server, pptpCallRequest, func() []byte {
			return pptpBody(156, call, 1, 0, 300, 1, 0, 0, 3, 0, 3, 64)
		}},
		// Both ids, result 1 "connected", cause, speed, window.
		{server, client, pptpCallReply, func() []byte {
			return pptpBody(20, pptpServerCall, call, 0x0100, 0, 1, 0, 64)
		}},
	} {
		got, err := pptpSend(m.from, m.to, m.kind, m.body())
		if err != nil {
			return fmt.Errorf("message %d: %w", m.kind, err)
		}
		if m.kind == pptpCallRequest {
			call = binary.BigEndian.Uint16(got)
		}
	}
	return nil
}

// pptpBody is a body of 16-bit words, padded with zeros.
func pptpBody(size int, words ...uint16) []byte {
	var b []byte
	for _, w := range words {
		b = binary.BigEndian.AppendUint16(b, w)
	}
	return append(b, make([]byte, size-len(b))...)
}

// pptpSend sends a control message and returns its body as the other side read it.
func pptpSend(from io.Writer, to io.Reader, kind uint16, body []byte) ([]byte, error) {
	const head = 12
	b := binary.BigEndian.AppendUint16(nil, uint16(head+len(body)))
	b = binary.BigEndian.AppendUint16(b, 1) // a control message
	b = binary.BigEndian.AppendUint32(b, pptpMagic)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, 0)
	if _, err := from.Write(append(b, body...)); err != nil {
		return nil, err
	}
	got := make([]byte, head+len(body))
	_, err := io.ReadFull(to, got)
	return got[head:], err
}
