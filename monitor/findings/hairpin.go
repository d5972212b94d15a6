package findings

import (
	"fmt"
	"net/netip"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
)

// hairpin is what a scan keeps of the flows that DNAT sends back into the network they come
// from, without SNAT. The server answers the client directly, with an address that the
// client did not ask:
//
//	client ── to the public address ──▶ gateway ── DNAT ──▶ server
//	   ▲                                                      │
//	   └───────────────── from its own address ───────────────┘
type hairpin struct {
	group
	network netip.Prefix
}

// hairpin adds an unanswered flow with DNAT and without SNAT whose target is in the client's
// network.
func (s *scan) hairpin(sp *space, flow ref, r *table.Row) {
	f := &r.Flow
	if f.Status&(monitor.DstNAT|monitor.SrcNAT|monitor.SeenReply) != monitor.DstNAT {
		return
	}
	age := dnatAge
	if f.Orig.Proto == monitor.TCP {
		if age = synAge; f.State != monitor.TCPSynSent {
			return
		}
	}
	client, server := f.Orig.Src, f.Reply.Src
	network, ok := sp.locals.Network(client, server)
	if !ok || sp.locals.Has(client) || sp.locals.Has(server) {
		return
	}
	k := key{f.Orig.Dst, server, f.Orig.DstPort, f.Reply.SrcPort, f.Orig.NetNS, f.Orig.Proto}
	if h := s.hairpins.add(k); h != nil {
		h.value.network = network
		h.value.add(flow, s.aged(r, age))
	}
}

// hairpins finds services that clients in the network of the server can't reach.
func (e *Engine) hairpins(limit float64, _ monitor.Time) {
	for _, h := range e.scan.hairpins.all {
		k := &h.key
		at, to := endpoint(k.addr, k.port), endpoint(k.peer, k.peerPort)
		words := "tcp syn_sent"
		if k.proto != monitor.TCP {
			words = k.proto.String()
		}
		e.candidate(k.netns, float64(h.value.old)/limit, monitor.Finding{
			Subject: fmt.Sprintf("%s %s → %s", at, k.proto, to),
			Text: fmt.Sprintf("%s to %s not answered: DNAT leads to %s in the client's own network %s without SNAT, "+
				"so that answers bypass this gateway",
				human.Plural(h.n, k.proto.String()+" flow"), at, to, h.value.network),
			Flows:    h.n,
			Figures:  figures(h.n, limit),
			Examples: e.refs(&h.value.group),
		}, "list", fmt.Sprintf("%s unreplied dnat not snat dst %s dport %d nat.dst %s nat.dport %d src %s",
			words, k.addr, k.port, k.peer, k.peerPort, h.value.network))
	}
}
