package findings

import (
	"fmt"
	"math/bits"

	"natlens/monitor"
	"natlens/monitor/table"
)

// handshake is a rule about TCP connections to one destination that stand in one
// state for too long.
type handshake struct {
	rule       ruleID
	limit, age limit
	words      string // the filter, but for the destination
	text       string // what is said of the connections
}

// The rules about handshakes, and what of a flow they go by:
//
//	           SYN  SYN/ACK  ACK
//	syn         ✓      –             SYN_SENT, no reply seen
//	half        ✓      ✓      –      SYN_RECV
//	one-sided   –      –      ✓      ESTABLISHED, no reply seen: picked up in its middle
var handshakes = [...]handshake{
	{ruleSyn, synUnanswered, synAge, "tcp syn_sent unreplied", "not answered"},
	{ruleHalfOpen, halfOpen, halfAge, "tcp syn_recv", "answered and not completed"},
	{ruleOneSided, oneSided, halfAge, "tcp established unreplied", "seen in one direction only"},
}

// hostGroup is what is kept of a host's unanswered flows: also a bitmap in which
// each destination sets one of 64 bits, so that few bits mean few of them.
type hostGroup struct {
	group
	destinations uint64
}

// fewDestinations is below how many destinations a host's unanswered flows are
// the destinations' matter: the other rule tells of them.
const fewDestinations = 8

// tcp takes a TCP flow into the groups that it belongs to.
func (l *look) tcp(i uint32, r *table.Row) {
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
	}
	if f.State == monitor.TCPEstablished {
		l.idle(i, r)
	}
	if at < 0 {
		return
	}
	old := l.older(r, handshakes[at].age)
	to := key{addr: f.Orig.Dst, port: f.Orig.DstPort, proto: monitor.TCP, netns: f.Orig.NetNS}
	l.handshakes[at].add(&to).add(i, r, old)
	if at == 0 {
		from := key{addr: f.Orig.Src, netns: f.Orig.NetNS}
		host := l.synHosts.add(&from)
		host.add(i, r, old)
		host.destinations |= 1 << (to.hash() >> 58)
	}
}

// stuck finds the destinations with too many connections of a kind.
func (e *Engine) stuck(h *handshake, groups *sieve[group]) (found []candidate) {
	limit := e.cfg.Limits[h.limit]
	groups.most(atLeast(limit/2), func(k key, n uint64, v *group) {
		to := endpoint(k.addr, k.port)
		c := e.counted(k, n, v, limit)
		c.finding.Subject = to
		c.finding.Text = fmt.Sprintf("%s to %s %s, %d for %s and longer", plural(n, "TCP connection"), to, h.text, v.old, e.text(h.age))
		e.show(&c, "list", fmt.Sprintf("%s dst %s dport %d", h.words, k.addr, k.port))
		found = append(found, c)
	})
	return found
}

// unansweredHosts finds those whose connections are answered nowhere.
func (e *Engine) unansweredHosts() (found []candidate) {
	limit := e.cfg.Limits[synHost]
	e.look.synHosts.most(atLeast(limit/2), func(k key, n uint64, v *hostGroup) {
		if bits.OnesCount64(v.destinations) < fewDestinations {
			return
		}
		from := k.addr.String()
		c := e.counted(k, n, &v.group, limit)
		c.finding.Subject = from
		c.finding.Text = fmt.Sprintf("%s of %s to many destinations not answered, %d for %s and longer", plural(n, "TCP connection"), from, v.old, e.text(synAge))
		e.show(&c, "list", "tcp syn_sent unreplied src "+from)
		found = append(found, c)
	})
	return found
}
