package findings

import (
	"fmt"
	"strings"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
)

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
func (e *Engine) hairpins() {
	for _, h := range e.scan.hairpins.all {
		k := &h.key
		at, to := endpoint(k.addr, k.port), endpoint(k.peer, k.peerPort)
		words := "tcp syn_sent"
		if k.proto != monitor.TCP {
			words = k.proto.String()
		}
		e.add(k.netns, float64(h.value.old)/e.limit, h.n, h.value.refs(), fmt.Sprintf("%s %s → %s", at, k.proto, to),
			fmt.Sprintf("%s to %s not answered: DNAT leads to %s in the client's own network %s without SNAT, "+
				"so that answers bypass this gateway",
				human.Plural(h.n, k.proto.String()+" flow"), at, to, h.value.network),
			fmt.Sprintf("%s unreplied dnat not snat dst %s dport %d nat.dst %s nat.dport %d src %s",
				words, k.addr, k.port, k.peer, k.peerPort, h.value.network))
	}
}

// sender adds a flow with SNAT.
func (s *scan) sender(sp *space, flow ref, r *table.Row) {
	if sp.locals == nil {
		return
	}
	f := &r.Flow
	v := s.senders.add(key{addr: f.Reply.Dst, netns: f.Orig.NetNS})
	if v == nil {
		return
	}
	v.value.born = max(v.value.born, r.Born())
	if v.value.local = sp.locals.Has(f.Reply.Dst); !v.value.local && f.Status.Has(monitor.SeenReply) {
		v.value.open.add(flow, f)
	}
}

// gone finds flows with SNAT to an address that this host no longer has: they were answered
// once and are not any more, and newer flows use a local address. An address that the host
// never had may be routed here.
func (e *Engine) gone() {
	type family struct {
		netns monitor.NetNS
		ipv4  bool
	}
	addresses := make(map[monitor.NetNS][]*tallied[key, sender])
	current := make(map[family]*tallied[key, sender]) // the local address of the youngest flow
	all := e.scan.senders.all
	for i := range all {
		s := &all[i]
		addresses[s.key.netns] = append(addresses[s.key.netns], s)
		of := family{s.key.netns, s.key.addr.Is4()}
		if c := current[of]; s.value.local && (c == nil || s.value.born > c.value.born) {
			current[of] = s
		}
	}
	for i := range all {
		s := &all[i]
		to := s.key.addr
		if c := current[family{s.key.netns, s.key.addr.Is4()}]; c != nil && s.value.born <= c.value.born {
			to = c.key.addr
		} else if c == nil {
			to = e.scan.spaces[s.key.netns].beside(s.key.addr)
		}
		if s.value.local || to == s.key.addr {
			continue
		}
		silent := e.silent(s.value.open)
		if len(silent) == 0 {
			continue
		}
		e.add(s.key.netns, float64(len(silent))/e.limit, s.n, silent, s.key.addr.String(),
			fmt.Sprintf("%s sent as %s, which is no longer an address of this gateway, and not answered for %s; "+
				"the gateway has %s", human.Plural(s.n, "flow"), s.key.addr, e.text(dnatAge), to),
			allBut(s, to, addresses[s.key.netns]))
	}
}

// maxKept is the maximum number of addresses in the command for a lost address.
const maxKept = 8

// allBut returns a filter for flows that use the lost address. If all other addresses in use
// are local and not too many, it names these; otherwise it names the lost one.
func allBut(lost *tallied[key, sender], current monitor.Addr, used []*tallied[key, sender]) string {
	kept := []string{current.String()}
	for _, s := range used {
		if s != lost && s.key.addr != current {
			kept = append(kept, s.key.addr.String())
		}
		if s != lost && !s.value.local || len(kept) > maxKept {
			return fmt.Sprintf("snat and nat.src %s", lost.key.addr)
		}
	}
	return "snat and not nat.src " + strings.Join(kept, ",")
}

// beside returns the local address in the network of an address, or that address itself if
// no local address is in that network.
func (sp *space) beside(a monitor.Addr) monitor.Addr {
	for _, local := range sp.locals.Addrs() {
		if _, ok := sp.locals.Network(a, monitor.AddrFrom(local)); ok {
			return monitor.AddrFrom(local)
		}
	}
	return a
}
