package findings

import (
	"fmt"
	"slices"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
)

// The rules about handshakes, and the packets that their flows have seen:
//
//	           SYN  SYN/ACK  ACK
//	syn         ✓      –             SYN_SENT, no reply seen
//	half        ✓      ✓      –      SYN_RECV
//	one-sided   –      –      ✓      ESTABLISHED, no reply seen: tracked from the middle on
var handshakes = [...]handshake{
	{ruleSyn, synUnanswered, synAge, "tcp syn_sent unreplied", "not answered"},
	{ruleHalfOpen, halfOpen, halfAge, "tcp syn_recv", "answered and not completed"},
	{ruleOneSided, oneSided, halfAge, "tcp established unreplied", "seen in one direction only"},
}

func (h *host) reaches(to monitor.Endpoint) {
	if h.n < len(h.destinations) && !slices.Contains(h.destinations[:h.n], to) {
		h.destinations[h.n] = to
		h.n++
	}
}

// handshake adds a TCP flow to the groups of its state.
func (s *scan) handshake(flow ref, r *table.Row) {
	f := &r.Flow
	answered := f.Status.Has(monitor.SeenReply)
	at := -1
	switch {
	case f.State == monitor.TCPSynSent && !answered:
		at = 0
	case f.State == monitor.TCPSynRecv:
		at = 1
	case f.State == monitor.TCPEstablished && !answered:
		at = 2
	default:
		return
	}
	old := s.aged(r, handshakes[at].age)
	if g := s.handshakes[at].add(key{addr: f.Orig.Dst, port: f.Orig.DstPort, proto: monitor.TCP,
		netns: f.Orig.NetNS}); g != nil {
		g.value.add(flow, old)
	}
	if at != 0 {
		return
	}
	if h := s.hosts.add(key{addr: f.Orig.Src, netns: f.Orig.NetNS}); h != nil {
		h.value.add(flow, old)
		h.value.reaches(f.To())
	}
}

// handshakes finds the destinations with too many connections in one state.
func (e *Engine) handshakes(h *handshake, groups *tally[key, group]) (found []candidate) {
	limit := e.cfg.Thresholds[h.limit]
	for i := range groups.all {
		g := &groups.all[i]
		if float64(g.n) < limit/2 {
			continue
		}
		to := endpoint(g.key.addr, g.key.port)
		found = append(found, e.candidate(g.key.netns, float64(g.value.old)/limit, monitor.Finding{
			Subject: to,
			Text: fmt.Sprintf("%s to %s %s, %d for %s and longer", human.Plural(g.n, "TCP connection"), to, h.text,
				g.value.old, e.text(h.age)),
			Flows:    g.n,
			Figures:  figures(g.n, limit),
			Examples: e.refs(&g.value),
		}, "list", fmt.Sprintf("%s dst %s dport %d", h.words, g.key.addr, g.key.port)))
	}
	return found
}

// unansweredHosts finds the hosts whose connections are answered nowhere.
func (e *Engine) unansweredHosts() (found []candidate) {
	limit := e.cfg.Thresholds[synHost]
	for i := range e.scan.hosts.all {
		h := &e.scan.hosts.all[i]
		if float64(h.n) < limit/2 || h.value.n < fewDestinations {
			continue
		}
		from := h.key.addr.String()
		found = append(found, e.candidate(h.key.netns, float64(h.value.old)/limit, monitor.Finding{
			Subject: from,
			Text: fmt.Sprintf("%s of %s to many destinations not answered, %d for %s and longer", human.Plural(h.n,
				"TCP connection"), from, h.value.old, e.text(synAge)),
			Flows:    h.n,
			Figures:  figures(h.n, limit),
			Examples: e.refs(&h.value.group),
		}, "list", "tcp syn_sent unreplied src "+from))
	}
	return found
}
