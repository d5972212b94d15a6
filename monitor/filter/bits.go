package filter

import "natlens/monitor"

// bitWord is a word for bits of the status or of the NAT kind: the comparison that it means,
// and what it says.
type bitWord struct {
	word   string
	mask   uint64
	op     Op
	value  uint64
	phrase string
}

var natBitWords = []bitWord{
	{"none", natKinds, Eq, 0, "nothing rewritten"},
	{"any", natKinds, Ne, 0, "source or destination rewritten"},
	{"snat+dnat", natKinds, Eq, natKinds, "source and destination rewritten"},
	{"snat", natSource, Eq, natSource, "source rewritten"},
	{"dnat", natDest, Eq, natDest, "destination rewritten"},
	{"portonly", natPortOnly, Eq, natPortOnly, "only ports rewritten"},
	{"redirect", natRedirect, Eq, natRedirect, "redirected to this host"},
	{"untracked-bits", natNoBits, Eq, natNoBits, "rewritten without a NAT status bit"},
	{"stray-bits", natStrayBits, Eq, natStrayBits, "a NAT status bit without a rewrite"},
	{"snat-addr", natSrcAddr, Eq, natSrcAddr, "source address rewritten"},
	{"snat-port", natSrcPort, Eq, natSrcPort, "source port rewritten"},
	{"dnat-addr", natDstAddr, Eq, natDstAddr, "destination address rewritten"},
	{"dnat-port", natDstPort, Eq, natDstPort, "destination port rewritten"},
}

var statusBitWords = func() (all []bitWord) {
	phrases := [...]string{
		"expected by a helper", "packets seen in both directions",
		"assured", "in the table", "source rewritten (status)",
		"destination rewritten (status)", "sequence numbers adjusted", "passed the nat hooks for the source",
		"passed the nat hooks for the destination", "being removed",
		"timeout fixed", "a template", "lost a race of first packets",
		"helper attached by rule", "in a flow table", "in a hardware flow table",
	}
	for i, name := range monitor.StatusNames() {
		all = append(all, bitWord{name, 1 << i, Eq, 1 << i, phrases[i]})
	}
	return append(all, bitWord{"unreplied", uint64(monitor.SeenReply), Eq, 0, "no reply seen"})
}()

// bitAliases are alternative words, folded.
var bitAliases = map[string]string{
	"port_only": "portonly", "nobits": "untracked_bits", "replied": "seen_reply", "related": "expected",
}
