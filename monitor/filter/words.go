package filter

import (
	"slices"
	"strings"

	"natlens/monitor"
)

// bitWord is a word for bits of the status or of the NAT kind: the comparison that it
// means, and what Describe says.
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
		"born of an expectation", "packets seen both ways", "assured", "in the table", "source rewritten (status)",
		"destination rewritten (status)", "sequence numbers adjusted", "source nat hooks passed",
		"destination nat hooks passed", "being removed", "timeout fixed", "a template", "lost a clash of first packets",
		"helper attached by rule", "in a flow table", "in a hardware flow table",
	}
	for i, name := range monitor.StatusNames() {
		all = append(all, bitWord{name, 1 << i, Eq, 1 << i, phrases[i]})
	}
	return append(all, bitWord{"unreplied", uint64(monitor.SeenReply), Eq, 0, "no reply seen"})
}()

// bitAliases are second words, folded.
var bitAliases = map[string]string{
	"port_only": "portonly", "nobits": "untracked_bits", "replied": "seen_reply", "related": "expected",
}

// bit finds a word of the kind.
func (k *kind) bit(word string) (w bitWord, ok bool) {
	word = fold(word)
	if other := bitAliases[word]; other != "" {
		word = other
	}
	i := slices.IndexFunc(k.bits, func(w bitWord) bool { return fold(w.word) == word })
	if i < 0 {
		return w, false
	}
	return k.bits[i], true
}

// cmp returns the comparison that the word means, with Ne its opposite.
func (w bitWord) cmp(f Field, op Op) Cmp {
	if op == Ne { // turned round: Eq and Ne are 0 and 1
		w.op ^= Ne
	}
	return newCmp(f, w.mask, w.op, []Range{{w.value, w.value}})
}

// bitWord returns the word for a comparison, or for its opposite.
func (x Cmp) bitWord() (w bitWord, opposite, ok bool) {
	for _, op := range []Op{Eq, Ne} {
		for _, w := range x.Field.info().kind.bits {
			c := w.cmp(x.Field, op)
			if c.Mask == x.Mask && c.Op == x.Op && slices.Equal(c.Set, x.Set) {
				return w, op == Ne, true
			}
		}
	}
	return w, false, false
}

// bareWords are the conditions of one word that begin with no field.
var bareWords = func() map[string]Expr {
	m := map[string]Expr{"true": Const(true), "all": Const(true), "false": Const(false)}
	is := func(f Field, v uint64) Expr { return newCmp(f, 0, Eq, []Range{{v, v}}) }
	for _, w := range []string{"ip", "ipv4", "ip6", "ipv6"} {
		m[w] = is(FieldFamily, kindFamily.named[w])
	}
	for _, p := range monitor.Protos {
		m[p.Name()] = is(FieldProto, uint64(p))
	}
	for _, f := range []Field{FieldNAT, FieldStatus} {
		for _, w := range f.info().kind.bits {
			if _, isField := fieldByName[w.word]; !isField && w.word != "none" && w.word != "any" {
				m[fold(w.word)] = w.cmp(f, Eq)
			}
		}
	}
	for alias, word := range bitAliases {
		m[alias] = m[word]
	}
	for _, p := range []monitor.Proto{monitor.TCP, monitor.SCTP} {
		for _, n := range monitor.StateNames(p) {
			if w := fold(n); w != "none" {
				m[w] = newCmp(FieldState, 0, Eq, stateSet(w))
			}
		}
	}
	for w, v := range kindPath.named {
		if w != "unknown" {
			m[w] = is(FieldPath, v)
		}
	}
	return m
}()

// display turns a folded word into the way it is usually written.
func display(word string) string {
	switch word {
	case "local_in", "local_out", "untracked_bits", "stray_bits", "snat_addr", "snat_port", "dnat_addr", "dnat_port":
		return strings.ReplaceAll(word, "_", "-")
	}
	return word
}

// termWords are all words that may begin a condition, in order.
var termWords = func() []string {
	out := []string{"not", "has"}
	for w := range bareWords {
		out = append(out, display(w))
	}
	for w, f := range fieldByName {
		out = append(out, w)
		if f.info().attrs != 0 && f != FieldAge {
			out = append(out, "msg."+w)
		}
	}
	slices.Sort(out)
	return out
}()

// hasWords are the fields that may follow has.
var hasWords = slices.Sorted(func(yield func(string) bool) {
	for w, f := range fieldByName {
		if f.info().attrs != 0 && !yield(w) {
			return
		}
	}
})
