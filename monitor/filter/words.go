package filter

import (
	"maps"
	"slices"
	"strings"

	"natlens/monitor"
)

// bareWords are the conditions of one word that are not fields.
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

var bareOrder = slices.Sorted(maps.Keys(bareWords))

// bareAliases are alternative or superfluous words.
var bareAliases = []string{"all", "true", "false", "ip", "ip6", "nobits", "port_only", "replied", "related"}

// display returns a folded word in its usual form.
func display(word string) string {
	switch word {
	case "local_in", "local_out", "untracked_bits", "stray_bits", "snat_addr", "snat_port", "dnat_addr", "dnat_port":
		return strings.ReplaceAll(word, "_", "-")
	}
	return word
}

// termWords are all words that can begin a condition, sorted.
var termWords = func() []string {
	out := []string{"not", "has"}
	for w := range bareWords {
		out = append(out, display(w))
	}
	for w, f := range fieldByName {
		out = append(out, w)
		if f.hasSent() {
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
