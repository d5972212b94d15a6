package findings

import (
	"cmp"
	"fmt"
	"slices"

	"natlens/monitor"
	"natlens/monitor/human"
)

// source adds a flow with SNAT. Flows to one destination need different ports, because reply
// tuples are unique.
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

// exhausted finds pools of ports that are nearly used up, as a whole or in one block.
func (e *Engine) exhausted() {
	clients := make(map[key][]*tallied[block, pool])
	for i := range e.scan.blocks.all {
		b := &e.scan.blocks.all[i]
		clients[b.key.pool] = append(clients[b.key.pool], b)
	}
	for _, p := range e.scan.pools.all {
		e.fullPool(&p.key, nil, p.n, &p.value)
		for _, users := range apart(clients[p.key]) {
			n, all := joined(users)
			e.fullPool(&p.key, users, n, &all)
		}
	}
}

// apart groups the clients of a pool by block: clients whose ranges of ports overlap share a
// block. It returns nil if all clients share the pool.
func apart(all []*tallied[block, pool]) (blocks [][]*tallied[block, pool]) {
	slices.SortFunc(all, func(a, b *tallied[block, pool]) int { return cmp.Compare(a.value.low, b.value.low) })
	high, first := uint16(0), 0 // of the block that is being read
	for i, c := range all {
		if i > first && c.value.low > high {
			blocks, first = append(blocks, all[first:i]), i
		}
		high = max(high, c.value.high)
	}
	if first == 0 {
		return nil
	}
	return append(blocks, all[first:])
}

// joined returns the union of the clients' pools. It sorts the clients by address.
func joined(users []*tallied[block, pool]) (n uint64, all pool) {
	slices.SortFunc(users, func(a, b *tallied[block, pool]) int {
		return a.key.client.Netip().Compare(b.key.client.Netip())
	})
	all = users[0].value
	for _, u := range users {
		n += u.n
		all.low, all.high = min(all.low, u.value.low), max(all.high, u.value.high)
		if u != users[0] {
			all.changed += u.value.changed
		}
	}
	return n, all
}

// fullPool adds the n flows of a pool, or of the clients that share a block of it (nil: of all).
func (e *Engine) fullPool(k *key, users []*tallied[block, pool], n uint64, p *pool) {
	least := e.cfg.Thresholds[snatMin]
	if float64(n) < least/2 {
		return
	}
	size := monitor.PoolSize(k.proto, n, p.changed, p.low, p.high)
	used := 100 * float64(n) / float64(size)
	if used < e.limit/2 {
		return
	}
	public, to, of, others := k.addr.String(), endpoint(k.peer, k.peerPort), "", ""
	filter := fmt.Sprintf("%s snat reply.dst %s reply.src %s reply.sport %d", k.proto, public, k.peer, k.peerPort)
	switch len(users) {
	case 0:
	case 1:
		of = " for " + users[0].key.client.String()
		filter += " src " + users[0].key.client.String()
	default: // the subject stays the same when another client begins to use the block
		of = fmt.Sprintf(" for %s and others", users[0].key.client)
		others = fmt.Sprintf(" (%d clients)", len(users))
		filter += fmt.Sprintf(" reply.dport %d..%d", p.low, p.high)
	}
	e.add(k.netns, min(used/e.limit, float64(n)/least), n, p.refs(),
		fmt.Sprintf("%s %s → %s%s", public, k.proto, to, of),
		fmt.Sprintf("%d of %d %s ports of %s%s%s in use towards %s (%d–%d seen)",
			n, size, k.proto, public, of, others, to, p.low, p.high), filter,
		monitor.Figure{Name: "pool", Value: float64(size)}, monitor.Figure{Name: "percent", Value: used})
}

// allChanged is the percentage above which a rule changes all ports, such as masquerade random.
// That is not a clash.
const allChanged = 95

// clashes finds public addresses for which many ports had to be changed.
func (e *Engine) clashes() {
	least := e.cfg.Thresholds[snatClashMin]
	for _, p := range e.scan.publics.all {
		changed := p.value.changed
		percent := 100 * float64(changed) / float64(p.n)
		if float64(changed) < least/2 || percent < e.limit/2 || percent > allChanged {
			continue
		}
		public := p.key.addr.String()
		e.add(p.key.netns, min(percent/e.limit, float64(changed)/least), changed, p.value.refs(),
			fmt.Sprintf("%s %s", public, p.key.proto),
			fmt.Sprintf("the source port of %s behind %s was in use and had to be changed, of %d",
				human.Plural(changed, p.key.proto.String()+" flow"), public, p.n),
			fmt.Sprintf("%s snat-port reply.dst %s", p.key.proto, public),
			monitor.Figure{Name: "all", Value: float64(p.n)}, monitor.Figure{Name: "percent", Value: percent})
	}
}
