package findings

import (
	"fmt"

	"natlens/monitor"
	"natlens/monitor/table"
)

// pool is what is kept of the flows of one public address and protocol, either
// towards one destination or all of them.
type pool struct {
	group
	low, high uint16 // ports in use
	changed   uint32 // flows whose port is not their own
}

// glimpse takes a flow whose source is rewritten without unpacking it, as all but
// IPv6 can be. It reports whether it has.
//
// The keys are written word by word where they are needed: as a copy of an address
// that has just been written in words, the processor would wait for it.
func (l *look) glimpse(g *table.Glimpse) bool {
	if !g.Proto.HasPorts() {
		return true
	}
	public, pool := &l.public, &l.pool
	own, port, toPort, ok := g.SentAs(&pool.addr, &pool.peer)
	if !ok {
		return false
	}
	g.SentAs(&public.addr, &l.peer)
	public.proto, pool.proto, pool.peerPort = g.Proto, g.Proto, toPort
	public.netns, pool.netns = g.NetNS, g.NetNS
	l.source(public, pool, ref{g.Row, g.Gen}, own, port)
	return true
}

// source takes a flow whose source is rewritten to a port of a public address, and
// that is its own port if none had to be chosen. Towards one destination each flow
// needs a port of its own: reply tuples are unique.
func (l *look) source(public, towards *key, flow ref, own, port uint16) {
	changed := own != port
	p := l.publics.addAgain(public)
	if changed {
		p.changed++
		p.take(flow, true)
	}
	if p = l.pools.admit(towards, towards.hash(), 1); p == nil {
		return
	}
	p.take(flow, true)
	if changed {
		p.changed++
	}
	if p.low == 0 || port < p.low {
		p.low = port
	}
	p.high = max(p.high, port)
}

// exhausted finds pools that are nearly used up.
func (e *Engine) exhausted() (found []candidate) {
	limit, least := e.cfg.Limits[snatPorts], e.cfg.Limits[snatMin]
	e.look.pools.most(atLeast(least/2), func(k key, n uint64, v *pool) {
		size := monitor.PoolSize(k.proto, n, uint64(v.changed), v.low, v.high)
		used := 100 * float64(n) / float64(size)
		if used < limit/2 {
			return
		}
		public, to := k.addr.String(), endpoint(k.peer, k.peerPort)
		c := e.counted(k, n, &v.group, limit)
		c.level = min(used/limit, float64(n)/least)
		c.finding.Subject = fmt.Sprintf("%s %s → %s", public, k.proto, to)
		c.finding.Text = fmt.Sprintf("%d of %d %s ports of %s in use towards %s (%d–%d seen)", n, size, k.proto, public, to, v.low, v.high)
		c.finding.Figures = append(c.finding.Figures, monitor.Figure{Name: "pool", Value: float64(size)}, monitor.Figure{Name: "percent", Value: used})
		e.show(&c, "list", fmt.Sprintf("%s snat reply.dst %s reply.src %s reply.sport %d", k.proto, public, k.peer, k.peerPort))
		found = append(found, c)
	})
	return found
}

// allChanged is from which share on, in percent, a rule changes all ports: that
// is no clash.
const allChanged = 95

// clashes finds public addresses behind which many ports had to be changed.
func (e *Engine) clashes() (found []candidate) {
	limit, least := e.cfg.Limits[snatClash], e.cfg.Limits[snatClashMin]
	e.look.publics.most(atLeast(least/2), func(k key, n uint64, v *pool) {
		changed := 100 * float64(v.changed) / float64(n)
		if changed < limit/2 || changed > allChanged {
			return
		}
		public := k.addr.String()
		c := e.counted(k, uint64(v.changed), &v.group, limit)
		c.level = min(changed/limit, float64(v.changed)/least)
		c.finding.Subject = fmt.Sprintf("%s %s", public, k.proto)
		c.finding.Text = fmt.Sprintf("the source port of %s behind %s was in use and had to be changed, of %d", plural(uint64(v.changed), k.proto.String()+" flow"), public, n)
		c.finding.Figures = append(c.finding.Figures, monitor.Figure{Name: "all", Value: float64(n)}, monitor.Figure{Name: "percent", Value: changed})
		e.show(&c, "list", fmt.Sprintf("%s snat-port reply.dst %s", k.proto, public))
		found = append(found, c)
	})
	return found
}
