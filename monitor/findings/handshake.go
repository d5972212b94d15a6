package findings

import (
	"fmt"
	"slices"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
)

// handshakeRules find TCP connections to one destination that stay in one state for too long:
//
//	           packets that were seen
//	           SYN  SYN/ACK  ACK
//	syn         ✓      –             SYN_SENT, no reply seen
//	half        ✓      ✓      –      SYN_RECV
//	one-sided   –      –      ✓      ESTABLISHED, no reply seen: tracked from the middle
var handshakeRules = [handshakeStates]struct {
	age    threshold
	filter string // without the destination
	text   string
}{
	{synAge, "tcp syn_sent unreplied", "not answered"},
	{halfAge, "tcp syn_recv", "answered and not completed"},
	{halfAge, "tcp established unreplied", "seen in one direction only"},
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
	old := s.aged(r, handshakeRules[at].age)
	if g := s.handshakes[at].add(key{addr: f.Orig.Dst, port: f.Orig.DstPort, proto: monitor.TCP,
		netns: f.Orig.NetNS}); g != nil {
		g.value.add(flow, old)
	}
	if at != 0 {
		return
	}
	g := s.hosts.add(key{addr: f.Orig.Src, netns: f.Orig.NetNS})
	if g == nil {
		return
	}
	h := &g.value
	h.add(flow, old)
	if to := f.To(); h.reached < fewDestinations && !slices.Contains(h.destinations[:h.reached], to) {
		h.destinations[h.reached] = to
		h.reached++
	}
}

// handshakes finds the destinations with too many connections in one state.
func handshakes(at int) func(*Engine) {
	return func(e *Engine) {
		rule := &handshakeRules[at]
		for _, g := range e.scan.handshakes[at].all {
			if float64(g.value.old) < e.limit/2 {
				continue
			}
			to := endpoint(g.key.addr, g.key.port)
			e.add(g.key.netns, float64(g.value.old)/e.limit, g.n, g.value.refs(), to,
				fmt.Sprintf("%s to %s %s, %d for %s and longer",
					human.Plural(g.n, "TCP connection"), to, rule.text, g.value.old, e.text(rule.age)),
				fmt.Sprintf("%s dst %s dport %d", rule.filter, g.key.addr, g.key.port))
		}
	}
}

// unansweredHosts finds hosts without an answer from any destination.
func (e *Engine) unansweredHosts() {
	for _, h := range e.scan.hosts.all {
		if float64(h.value.old) < e.limit/2 || h.value.reached < fewDestinations {
			continue
		}
		from := h.key.addr.String()
		e.add(h.key.netns, float64(h.value.old)/e.limit, h.n, h.value.refs(), from,
			fmt.Sprintf("%s of %s to many destinations not answered, %d for %s and longer",
				human.Plural(h.n, "TCP connection"), from, h.value.old, e.text(synAge)),
			"tcp syn_sent unreplied src "+from)
	}
}
