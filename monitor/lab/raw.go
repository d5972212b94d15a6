//go:build linux

package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// ProtoExperiment is a protocol that conntrack has no tracker for: its flows
// are known by their addresses alone (RFC 3692: for experimentation).
const ProtoExperiment = 253

// Raw is one exchange of packets of a protocol without ports.
type Raw struct {
	From    *Namespace // nil is the client
	Local   netip.Addr // source; zero: the kernel's choice
	To      netip.Addr // ServerIP and ServerIP6 answer
	NoReply bool       // don't wait for an answer
}

// RawOnce sends a packet of ProtoExperiment and waits for its echo.
func (l *Lab) RawOnce(ctx context.Context, r Raw) error {
	return l.rawOnce(ctx, ProtoExperiment, r, make([]byte, 32))
}

// GRE is one exchange of GRE packets.
type GRE struct {
	Raw
	// CallID other than 0 sends PPTP's version 1 with this call id, which
	// conntrack shows as the destination key; without a PPTP control
	// connection nothing ties an answer to it, so it stays unreplied and is
	// not waited for. 0 sends plain GRE, whose keys conntrack doesn't read.
	CallID uint16
}

// GREOnce sends a GRE packet and, of version 0, waits for its echo. IPv4 alone.
func (l *Lab) GREOnce(ctx context.Context, g GRE) error {
	if g.CallID != 0 {
		g.NoReply = true
		return l.rawOnce(ctx, unix.IPPROTO_GRE, g.Raw, pptpPacket(g.CallID))
	}
	// Flags: key present; protocol IPv4; key 7; no payload.
	return l.rawOnce(ctx, unix.IPPROTO_GRE, g.Raw, []byte{0x20, 0, 0x08, 0, 0, 0, 0, 7})
}

// pptpPacket is RFC 2637's header: flags key and sequence, version 1, PPP.
func pptpPacket(callID uint16) []byte {
	b := []byte{0x30, 0x01, 0x88, 0x0b}
	b = binary.BigEndian.AppendUint16(b, 0) // payload length
	b = binary.BigEndian.AppendUint16(b, callID)
	return binary.BigEndian.AppendUint32(b, 1) // sequence number
}

func (l *Lab) rawOnce(ctx context.Context, proto int, r Raw, packet []byte) error {
	from := l.orClient(r.From)
	conn, err := from.sender(unix.SOCK_RAW, proto, netip.AddrPortFrom(r.Local, 0), netip.AddrPortFrom(r.To, 0))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.WriteTo(packet, ipAddr(r.To)); err != nil {
		return fmt.Errorf("protocol %d to %s from %s: %w", proto, r.To, from.name, err)
	}
	if r.NoReply {
		return nil
	}
	same := func(b []byte) bool { return string(b) == string(packet) }
	if err := await(ctx, conn, r.To, same); err != nil {
		return fmt.Errorf("protocol %d to %s from %s: %w", proto, r.To, from.name, err)
	}
	return nil
}

// echoGRE answers plain GRE; an answer to version 1 would be a flow of its own.
func echoGRE(p []byte) []byte {
	if len(p) < 4 || p[1]&7 != 0 {
		return nil
	}
	return p
}

// rawMark is the socket mark of every raw socket of the lab.
const rawMark = 0x1ab

// silenceKernel drops what a host's own SCTP would answer to packets that
// belong to the lab's raw sockets: ABORTs, where the kernel has SCTP. The
// kernel's packets lack the mark.
func silenceKernel(n *Namespace) error {
	return n.NFT(func(c *nftables.Conn) error {
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "silence"})
		output := c.AddChain(&nftables.Chain{
			Name: "output", Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter,
		})
		unmarked := Part{
			&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(rawMark)},
		}
		c.AddRule(Rule(output, Proto(unix.IPPROTO_SCTP), unmarked, Drop()))
		return nil
	})
}
