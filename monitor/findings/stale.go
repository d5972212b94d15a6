package findings

import (
	"fmt"

	"natlens/monitor"
	"natlens/monitor/table"
)

// service is what is kept of one published UDP port: where DNAT leads its flows.
type service struct {
	targets [maxTargets]target
	n       int
	young   youngest
}

// maxTargets is how many targets of a service are told apart.
const maxTargets = 6

// maxServices bounds the services whose flows past the DNAT are looked for.
const maxServices = 512

type target struct {
	to       monitor.Endpoint
	answered uint32
	replied  [maxExamples]ref // the first few of the answered
	group                     // of those that are not
	silent   uint32           // how many these are
}

// udp takes a UDP flow into its service. A flow without DNAT belongs to one if
// the last look found others that have it.
func (l *look) udp(i uint32, r *table.Row) {
	f := &r.Flow
	to := key{addr: f.Orig.Dst, port: f.Orig.DstPort, proto: monitor.UDP, netns: f.Orig.NetNS}
	answered := f.Status.Has(monitor.SeenReply)
	if f.Status&monitor.DstNAT == 0 {
		if answered {
			return
		}
		if g := l.published[to]; g != nil {
			g.silent++
			g.add(i, r, l.older(r, dnatAge))
		}
		return
	}
	s := l.services.add(&to)
	at := s.target(f.DeliveredTo())
	if at < 0 {
		return
	}
	if born := r.Born(); born != 0 {
		s.young.add(born, uint8(at))
	}
	t := &s.targets[at]
	if !answered {
		t.silent++
		t.add(i, r, l.older(r, dnatAge))
		return
	}
	if t.answered < maxExamples {
		t.replied[t.answered] = ref{i, r.Gen}
	}
	t.answered++
}

// target returns which one of the targets it is, -1 if there are too many.
func (s *service) target(to monitor.Endpoint) int {
	for i := range s.targets[:s.n] {
		if s.targets[i].to == to {
			return i
		}
	}
	if s.n == maxTargets {
		return -1
	}
	s.targets[s.n].to = to
	s.n++
	return s.n - 1
}

// answered returns a target that answers, nil if none does.
func (s *service) answered() *target {
	for i := range s.targets[:s.n] {
		if s.targets[i].answered > 0 {
			return &s.targets[i]
		}
	}
	return nil
}

// stale finds targets that answer nobody while others of the same service do.
func (e *Engine) stale() (found []candidate) {
	limit := e.cfg.Limits[dnatStale]
	e.look.services.most(1, func(k key, n uint64, v *service) {
		alive := v.answered()
		if alive == nil {
			return
		}
		for i := range v.targets[:v.n] {
			t := &v.targets[i]
			if t.answered > 0 || t.silent == 0 {
				continue
			}
			k := k
			k.peer, k.peerPort = t.to.Addr, t.to.Port
			at, gone := endpoint(k.addr, k.port), endpoint(t.to.Addr, t.to.Port)
			c := e.counted(k, uint64(t.silent), &t.group, limit)
			c.finding.Subject = at + " → " + gone
			c.finding.Text = fmt.Sprintf("%s to %s still sent to %s, which answers nobody; others get answers from %s",
				plural(uint64(t.silent), "UDP flow"), at, gone, endpoint(alive.to.Addr, alive.to.Port))
			e.show(&c, "delete", fmt.Sprintf("udp unreplied dst %s dport %d nat.dst %s nat.dport %d", k.addr, k.port, k.peer, k.peerPort))
			found = append(found, c)
		}
	})
	return found
}

// missed finds flows that go without the DNAT that others of the same service
// have, and get no answer.
func (e *Engine) missed() (found []candidate) {
	limit := e.cfg.Limits[dnatStale]
	e.look.services.most(1, func(k key, n uint64, v *service) {
		alive, g := v.answered(), e.look.published[k]
		if alive == nil || g == nil || g.silent == 0 {
			return
		}
		at := endpoint(k.addr, k.port)
		c := e.counted(k, uint64(g.silent), &g.group, limit)
		c.finding.Subject = at
		c.finding.Text = fmt.Sprintf("%s to %s not answered and without DNAT; others are sent to %s",
			plural(uint64(g.silent), "UDP flow"), at, endpoint(alive.to.Addr, alive.to.Port))
		e.show(&c, "delete", fmt.Sprintf("udp unreplied not dnat dst %s dport %d", k.addr, k.port))
		found = append(found, c)
	})
	return found
}

// publish remembers the services for the next look.
func (l *look) publish() {
	clear(l.published)
	l.services.most(1, func(k key, n uint64, v *service) {
		if len(l.published) < maxServices {
			l.published[k] = new(target)
		}
	})
}
