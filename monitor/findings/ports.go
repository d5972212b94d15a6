package findings

import (
	"fmt"

	"natlens/monitor"
)

// pool is what is kept of the flows of one public address and protocol, either
// towards one destination or all of them.
type pool struct {
	group
	low, high uint16 // ports in use
	changed   uint32 // flows whose port is not their own
}

// source takes a flow whose source is rewritten. Towards one destination each
// flow needs a port of its own: reply tuples are unique.
func (l *look) source(i uint32, r *monitor.Row) {
	f := &r.Flow
	if !f.Orig.Proto.HasPorts() {
		return
	}
	changed := f.Orig.SrcPort != f.Reply.DstPort
	public := key{addr: f.Reply.Dst, proto: f.Orig.Proto}
	p := &l.publics.add(&public).value
	if changed {
		p.changed++
		p.add(i, r, true)
	}
	public.peer, public.peerPort = f.Reply.Src, f.Reply.SrcPort
	p = &l.pools.add(&public).value
	p.add(i, r, true)
	if changed {
		p.changed++
	}
	port := f.Reply.DstPort
	if p.low == 0 || port < p.low {
		p.low = port
	}
	p.high = max(p.high, port)
}

// size concludes how many ports the pool has. Where the kernel is free to choose
// it leaves most ports as they are, or spreads them over all; where most are
// changed and lie close together, a rule gives it a range.
func (p *pool) size(flows uint64, proto monitor.Proto) uint64 {
	if uint64(p.changed)*2 < flows {
		return uint64(monitor.NATPorts(proto))
	}
	return uint64(p.high) - uint64(p.low) + 1
}

// exhausted finds pools that are nearly used up.
func (e *Engine) exhausted() (found []candidate) {
	limit, least := e.cfg.Limits[snatPorts], e.cfg.Limits[snatMin]
	e.look.pools.most(atLeast(least/2), func(s *slot[pool]) {
		size := s.value.size(s.least(), s.key.proto)
		used := 100 * float64(s.least()) / float64(size)
		if used < limit/2 {
			return
		}
		public, to := s.key.addr.String(), endpoint(s.key.peer, s.key.peerPort)
		c := e.counted(s.key, s.least(), &s.value.group, limit)
		c.level = min(used/limit, float64(s.least())/least)
		c.finding.Subject = fmt.Sprintf("%s %s → %s", public, s.key.proto, to)
		c.finding.Text = fmt.Sprintf("%d of %d %s ports of %s in use towards %s (%d–%d seen)", s.least(), size, s.key.proto, public, to, s.value.low, s.value.high)
		c.finding.Figures = append(c.finding.Figures, monitor.Figure{Name: "pool", Value: float64(size)}, monitor.Figure{Name: "percent", Value: used})
		e.show(&c.finding, "list", fmt.Sprintf("%s snat reply.dst %s reply.src %s reply.sport %d", s.key.proto, public, s.key.peer, s.key.peerPort))
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
	e.look.publics.most(atLeast(least/2), func(s *slot[pool]) {
		changed := 100 * float64(s.value.changed) / float64(s.least())
		if changed < limit/2 || changed > allChanged {
			return
		}
		public := s.key.addr.String()
		c := e.counted(s.key, uint64(s.value.changed), &s.value.group, limit)
		c.level = min(changed/limit, float64(s.value.changed)/least)
		c.finding.Subject = fmt.Sprintf("%s %s", public, s.key.proto)
		c.finding.Text = fmt.Sprintf("the source port of %s behind %s was in use and had to be changed, of %d", plural(uint64(s.value.changed), s.key.proto.String()+" flow"), public, s.least())
		c.finding.Figures = append(c.finding.Figures, monitor.Figure{Name: "all", Value: float64(s.least())}, monitor.Figure{Name: "percent", Value: changed})
		e.show(&c.finding, "list", fmt.Sprintf("%s snat-port reply.dst %s", s.key.proto, public))
		found = append(found, c)
	})
	return found
}
