package findings

import (
	"fmt"
	"math/bits"

	"natlens/monitor"
)

// hostGathered is what is kept of a host's unanswered flows: also a bitmap of 64
// bits in which each destination sets one, so that few bits mean few of them.
type hostGathered struct {
	gathered
	destinations uint64
}

// fewDestinations is up to how many destinations a host's unanswered flows are
// those destinations' matter: the other rule tells of them.
const fewDestinations = 8

// unanswered takes a flow in SYN_SENT that has seen no reply.
func (l *look) unanswered(i uint32, r *monitor.Row) {
	t := &r.Flow.Orig
	old := l.older(r, synAge)
	to := key{addr: t.Dst, port: t.DstPort, proto: t.Proto}
	l.syn.add(&to).value.add(i, r, old)
	from := key{addr: t.Src}
	host := &l.synHosts.add(&from).value
	host.add(i, r, old)
	host.destinations |= 1 << (to.hash() >> 58)
}

// unansweredDestinations finds those at which nobody answers.
func (e *Engine) unansweredDestinations() (found []candidate) {
	limit := e.cfg.Limits[synUnanswered]
	e.look.syn.most(uint64(limit/2), func(s *slot[gathered]) {
		flows, old := s.least(), float64(s.value.old)
		to := endpoint(s.key.addr, s.key.port)
		filter := "tcp syn_sent unreplied dst " + s.key.addr.String() + " dport " + fmt.Sprint(s.key.port)
		found = append(found, candidate{s.key, old / limit, monitor.Finding{
			Subject: to,
			Text:    fmt.Sprintf("%s to %s not answered, %d of them for %s", counted(flows, "TCP connection"), to, s.value.old, e.text(synAge)),
			Flows:   flows,
			Figures: []monitor.Figure{{Name: "flows", Value: float64(flows)}, {Name: "old", Value: old}, {Name: "limit", Value: limit}},
			Filter:  filter, Command: e.cfg.Command("list", filter),
			Examples: e.examples(&s.value),
		}})
	})
	return found
}

// unansweredHosts finds those whose connections are answered nowhere.
func (e *Engine) unansweredHosts() (found []candidate) {
	limit := e.cfg.Limits[synHost]
	e.look.synHosts.most(uint64(limit/2), func(s *slot[hostGathered]) {
		if bits.OnesCount64(s.value.destinations) < fewDestinations {
			return
		}
		flows, old := s.least(), float64(s.value.old)
		from := s.key.addr.String()
		filter := "tcp syn_sent unreplied src " + from
		found = append(found, candidate{s.key, old / limit, monitor.Finding{
			Subject: from,
			Text:    fmt.Sprintf("%s of %s not answered, to many destinations, %d of them for %s", counted(flows, "TCP connection"), from, s.value.old, e.text(synAge)),
			Flows:   flows,
			Figures: []monitor.Figure{{Name: "flows", Value: float64(flows)}, {Name: "old", Value: old}, {Name: "limit", Value: limit}},
			Filter:  filter, Command: e.cfg.Command("list", filter),
			Examples: e.examples(&s.value.gathered),
		}})
	})
	return found
}
