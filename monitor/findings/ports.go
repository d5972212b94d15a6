package findings

import (
	"cmp"
	"fmt"
	"slices"

	"natlens/monitor"
	"natlens/monitor/human"
)

// source adds a flow with SNAT. Towards one destination each flow needs a port of its
// own: reply tuples are unique.
func (s *scan) source(flow ref, f *monitor.Flow) {
	if !f.Orig.Proto.HasPorts() {
		return
	}
	own, port := f.Orig.SrcPort, f.Reply.DstPort
	k := key{addr: f.Reply.Dst, proto: f.Orig.Proto, netns: f.Orig.NetNS}
	if p := s.publics.add(k); p != nil && own != port {
		p.value.changed++
		p.value.add(flow, true)
	}
	k.peer, k.peerPort = f.Reply.Src, f.Reply.SrcPort
	if p := s.pools.add(k); p != nil {
		p.value.use(flow, own, port)
	}
	if _, ok := s.crowded[k]; ok {
		if b := s.blocks.add(block{k, f.Orig.Src}); b != nil {
			b.value.use(flow, own, port)
		}
	}
}

// use adds a flow that uses a port of the pool.
func (p *pool) use(flow ref, own, port uint16) {
	p.add(flow, true)
	if own != port {
		p.changed++
	}
	if p.low == 0 || port < p.low {
		p.low = port
	}
	p.high = max(p.high, port)
}

// exhausted finds pools of ports that are nearly used up, as a whole or by one client in
// its own part.
func (e *Engine) exhausted(limit float64, _ monitor.Time) {
	clients := make(map[key][]*tallied[block, pool])
	for i := range e.scan.blocks.all {
		b := &e.scan.blocks.all[i]
		clients[b.key.pool] = append(clients[b.key.pool], b)
	}
	for _, p := range e.scan.pools.all {
		e.fullPool(limit, &p.key, "", p.n, &p.value)
		for _, b := range apart(clients[p.key]) {
			e.fullPool(limit, &p.key, " "+b.key.client.String(), b.n, &b.value)
		}
	}
}

// apart returns the blocks of those clients whose ports lie in a range that no other
// client uses. A single client has the whole pool.
func apart(all []*tallied[block, pool]) (blocks []*tallied[block, pool]) {
	if len(all) < 2 {
		return nil
	}
	slices.SortFunc(all, func(a, b *tallied[block, pool]) int { return cmp.Compare(a.value.low, b.value.low) })
	high := uint16(0) // of the blocks so far
	for i, b := range all {
		if b.value.low > high && (i == len(all)-1 || b.value.high < all[i+1].value.low) {
			blocks = append(blocks, b)
		}
		high = max(high, b.value.high)
	}
	return blocks
}

// fullPool adds the n flows of a pool, or of one client in it ("": of all).
func (e *Engine) fullPool(limit float64, k *key, client string, n uint64, p *pool) {
	least := e.cfg.Thresholds[snatMin]
	if float64(n) < least/2 {
		return
	}
	size := monitor.PoolSize(k.proto, n, p.changed, p.low, p.high)
	used := 100 * float64(n) / float64(size)
	if used < limit/2 {
		return
	}
	public, to, of := k.addr.String(), endpoint(k.peer, k.peerPort), ""
	filter := fmt.Sprintf("%s snat reply.dst %s reply.src %s reply.sport %d", k.proto, public, k.peer, k.peerPort)
	if client != "" {
		of = " for" + client
		filter += " src" + client
	}
	e.candidate(k.netns, min(used/limit, float64(n)/least), monitor.Finding{
		Subject: fmt.Sprintf("%s %s → %s%s", public, k.proto, to, of),
		Text: fmt.Sprintf("%d of %d %s ports of %s%s in use towards %s (%d–%d seen)",
			n, size, k.proto, public, of, to, p.low, p.high),
		Flows: n,
		Figures: figures(n, limit,
			monitor.Figure{Name: "pool", Value: float64(size)}, monitor.Figure{Name: "percent", Value: used}),
		Examples: e.refs(&p.group),
	}, "list", filter)
}

// allChanged is the share in percent from which on a rule changes all ports, such as
// masquerade random: that is no clash.
const allChanged = 95

// clashes finds public addresses for which many ports had to be changed.
func (e *Engine) clashes(limit float64, _ monitor.Time) {
	least := e.cfg.Thresholds[snatClashMin]
	for _, p := range e.scan.publics.all {
		changed := p.value.changed
		percent := 100 * float64(changed) / float64(p.n)
		if float64(changed) < least/2 || percent < limit/2 || percent > allChanged {
			continue
		}
		public := p.key.addr.String()
		e.candidate(p.key.netns, min(percent/limit, float64(changed)/least), monitor.Finding{
			Subject: fmt.Sprintf("%s %s", public, p.key.proto),
			Text: fmt.Sprintf("the source port of %s behind %s was in use and had to be changed, of %d",
				human.Plural(changed, p.key.proto.String()+" flow"), public, p.n),
			Flows: changed,
			Figures: figures(changed, limit,
				monitor.Figure{Name: "all", Value: float64(p.n)}, monitor.Figure{Name: "percent", Value: percent}),
			Examples: e.refs(&p.value.group),
		}, "list", fmt.Sprintf("%s snat-port reply.dst %s", p.key.proto, public))
	}
}
