package findings

import (
	"fmt"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
)

// service adds a flow to its service. A flow without DNAT belongs to one if the previous scan
// found flows with DNAT to the same port.
func (s *scan) service(flow ref, r *table.Row) {
	f := &r.Flow
	dnat := f.Status&monitor.DstNAT != 0
	k := key{addr: f.Orig.Dst, port: f.Orig.DstPort, proto: f.Orig.Proto, netns: f.Orig.NetNS}
	if !dnat {
		if _, ok := s.published[k]; !ok {
			return
		}
	}
	v := s.services.add(k)
	if v == nil {
		return
	}
	if v.value.targets == nil {
		v.value.targets = make([]target, 1, 2)
	}
	at, born := 0, r.Born()
	if dnat {
		if at = v.value.target(f.DeliveredTo()); at < 0 {
			return
		}
		if born != 0 {
			v.value.young.add(born, at)
		}
	}
	t := &v.value.targets[at]
	t.born = max(t.born, born)
	switch {
	case f.Status.Has(monitor.SeenReply):
		t.answered++
		t.replied.add(flow, f)
	case f.Orig.Proto != monitor.TCP || f.State == monitor.TCPSynSent:
		t.silent++
		t.add(flow, s.aged(r, dnatAge))
	}
}

// stale finds flows that keep an old NAT decision and get no answer: those that bypass DNAT, or
// those that DNAT sends to a target that is gone.
func stale(bypass bool) func(*Engine) {
	return func(e *Engine) {
		for i := range e.scan.services.all {
			s := &e.scan.services.all[i]
			for at := range s.value.targets {
				if len(s.value.targets) > 1 && (at == 0) == bypass && !e.silentOnce(s, at) {
					e.neverAnswered(s, at)
				}
			}
		}
	}
}

// silentOnce finds flows to a target that were answered once and are not any more. Such a flow
// keeps the status seen_reply, so the kernel's counters must show that packets go out and none
// come back.
func (e *Engine) silentOnce(s *tallied[key, service], at int) bool {
	t := &s.value.targets[at]
	if at == 0 && !(s.value.bypassed() && s.value.answering() != nil) || at > 0 && !s.value.abandoned(at) {
		return false
	}
	silent := e.silent(t.replied)
	if len(silent) == 0 {
		return false
	}
	to := s.value.answering()
	if len(s.value.young) > 0 {
		to = &s.value.targets[s.value.young[0].target]
	}
	text := fmt.Sprintf("not answered for %s; new flows go to %s", e.text(dnatAge), endpoint(to.to.Addr, to.to.Port))
	e.addStale(s, at, t.answered+t.silent, float64(len(silent)), silent, "", text)
	return true
}

// neverAnswered finds flows to a target that were never answered, while another target answers.
// An unanswered SYN says less than unanswered UDP: it also occurs if only the server is down.
func (e *Engine) neverAnswered(s *tallied[key, service], at int) {
	t, to, tcp := &s.value.targets[at], s.value.answering(), s.key.proto == monitor.TCP
	switch {
	case t.silent == 0, to == nil,
		at == 0 && !s.value.bypassed(),
		at == 0 && tcp && s.value.answers() < enoughAnswers,
		at > 0 && t.answered > 0,
		at > 0 && tcp && !s.value.abandoned(at):
		return
	}
	words := "unreplied "
	if tcp {
		words = "syn_sent unreplied "
	}
	text := "never answered; other flows get answers from " + endpoint(to.to.Addr, to.to.Port)
	e.addStale(s, at, t.silent, float64(t.old), t.refs(), words, text)
}

// enoughAnswers is how many answered connections with DNAT must exist before one without it
// counts as bypassing the rule.
const enoughAnswers = 3

// addStale reports flows of a service that go to one target. old of them have the minimum age.
func (e *Engine) addStale(s *tallied[key, service], at int, flows uint64, old float64, examples []ref, words,
	text string) {
	k, service, what, kind, to := &s.key, endpoint(s.key.addr, s.key.port), "without DNAT", "UDP flow", ""
	if k.proto == monitor.TCP {
		to, kind = " tcp", "TCP connection"
	}
	filter := fmt.Sprintf("%s %snot dnat dst %s dport %d", k.proto, words, k.addr, k.port)
	if at > 0 {
		t := s.value.targets[at].to
		what = "sent to " + endpoint(t.Addr, t.Port)
		to += " → " + endpoint(t.Addr, t.Port)
		filter = fmt.Sprintf("%s %sdst %s dport %d nat.dst %s nat.dport %d",
			k.proto, words, k.addr, k.port, t.Addr, t.Port)
	}
	e.add(k.netns, old/e.limit, flows, examples, service+to,
		fmt.Sprintf("%s to %s %s, %s", human.Plural(flows, kind), service, what, text), filter)
}
