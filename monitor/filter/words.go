package filter

import (
	"slices"
	"strings"

	"natlens/monitor"
)

// natWords are the bits of FieldNAT: mask and value.
var natWords = map[string][2]uint64{
	"none": {natKinds, 0}, "any": {natKinds, 0}, "snat": {natSource, natSource}, "dnat": {natDest, natDest},
	"snat+dnat": {natKinds, natKinds}, "portonly": {natPortOnly, natPortOnly},
	"port_only": {natPortOnly, natPortOnly}, "redirect": {natRedirect, natRedirect},
	"untracked_bits": {natNoBits, natNoBits}, "nobits": {natNoBits, natNoBits},
	"stray_bits": {natStrayBits, natStrayBits},
	"snat_addr":  {natSrcAddr, natSrcAddr}, "snat_port": {natSrcPort, natSrcPort},
	"dnat_addr": {natDstAddr, natDstAddr}, "dnat_port": {natDstPort, natDstPort},
}

// bitWord returns mask and value that a word of a status or NAT bit means.
func bitWord(f Field, word string) (Cmp, bool) {
	word = fold(word)
	if f.info().kind == kindNAT {
		w, ok := natWords[word]
		if word == "any" {
			return Cmp{Mask: natKinds, Op: Ne, Set: []Range{{}}}, ok
		}
		return Cmp{Mask: w[0], Set: []Range{{w[1], w[1]}}}, ok
	}
	switch word {
	case "unreplied":
		return Cmp{Mask: uint64(monitor.SeenReply), Set: []Range{{}}}, true
	case "replied":
		word = "seen_reply"
	case "related":
		word = "expected"
	}
	s, ok := monitor.StatusByName(word)
	return Cmp{Mask: uint64(s), Set: []Range{{uint64(s), uint64(s)}}}, ok
}

// bareWords are the conditions of one word that begin with no field.
var bareWords = func() map[string]Expr {
	m := map[string]Expr{"true": Const(true), "all": Const(true), "false": Const(false)}
	for _, w := range []string{"ip", "ipv4", "ip6", "ipv6"} {
		v := kindFamily.named[w]
		m[w] = newCmp(FieldFamily, 0, Eq, []Range{{v, v}})
	}
	for _, p := range monitor.Protos {
		m[p.Name()] = newCmp(FieldProto, 0, Eq, []Range{{uint64(p), uint64(p)}})
	}
	for w := range natWords {
		if w != "none" && w != "any" {
			c, _ := bitWord(FieldNAT, w)
			m[w] = newCmp(FieldNAT, c.Mask, Eq, c.Set)
		}
	}
	for _, w := range append([]string{"unreplied", "replied", "related"}, monitor.StatusNames()...) {
		if _, isField := fieldByName[w]; !isField {
			c, _ := bitWord(FieldStatus, w)
			m[w] = newCmp(FieldStatus, c.Mask, Eq, c.Set)
		}
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
			m[w] = newCmp(FieldPath, 0, Eq, []Range{{v, v}})
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
