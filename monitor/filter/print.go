package filter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
)

func (x Const) String() string { return strconv.FormatBool(bool(x)) }

func (x And) String() string {
	return strings.Join(mapped(x, func(e Expr) string {
		if _, ok := e.(Or); ok {
			return "(" + e.String() + ")"
		}
		return e.String()
	}), " and ")
}

func (x Or) String() string { return strings.Join(mapped(x, Expr.String), " or ") }

func (x Not) String() string {
	switch x.X.(type) {
	case And, Or, Differ:
		return "not (" + x.X.String() + ")"
	}
	return "not " + x.X.String()
}

func (x Has) String() string {
	if x.Field&^Sent == FieldMaster {
		return x.Field.String()
	}
	return "has " + x.Field.String()
}

func (x Text) String() string {
	return x.Field.String() + opSet(x.Op, mapped(x.Set, Quote))
}

// Quote writes a text value in the form that the parser reads: unchanged or in double quotes.
func Quote(s string) string {
	switch fold(s) {
	case "", "and", "or", "not", "in":
		return strconv.Quote(s)
	}
	if t := lex(s)[0]; t.kind != tokAtom || t.text != s {
		return strconv.Quote(s)
	}
	return s
}

func (x Addr) String() string {
	name := x.Field.String()
	if x.Field == FieldHost && slices.ContainsFunc(x.Set, func(n netip.Prefix) bool { return !n.IsSingleIP() }) {
		name = "net"
	}
	return name + opSet(x.Op, mapped(x.Set, formatNet))
}

func formatNet(n netip.Prefix) string {
	if n.IsSingleIP() {
		return n.Addr().String()
	}
	return n.String()
}

// opSet writes the operator and the values: " 443", " != {80,443}", " < 5".
func opSet(op Op, parts []string) string {
	values := parts[0]
	if len(parts) > 1 {
		values = "{" + strings.Join(parts, ",") + "}"
	}
	if op == Eq {
		return " " + values
	}
	return " " + op.String() + " " + values
}

func (x Cmp) String() string {
	switch f := x.Field; f.info().kind {
	case kindFlag:
		return f.String()
	case kindNAT, kindStatus:
		if w, opposite, ok := x.bitWord(); ok {
			_, bare := bareWords[fold(w.word)]
			switch {
			case w.word == "any":
				return f.String()
			case opposite:
				return f.String() + " != " + w.word
			case bare && f&Sent == 0 && w.mask != natKinds:
				return w.word
			}
			return f.String() + " " + w.word
		}
	case kindState:
		return f.String() + opSet(x.Op, stateNames(x.Set))
	case kindProto:
		if p := monitor.Proto(x.Set[0].Lo); x.single() && x.Op == Eq && p.Name() != "" {
			return p.Name()
		}
	case kindFamily:
		if x.single() && x.Op == Eq {
			return f.info().kind.value(x.Set[0].Lo)
		}
	}
	parts := x.Field.info().kind.printed(x.Set)
	if x.Mask == 0 {
		return x.Field.String() + opSet(x.Op, parts)
	}
	s := x.Field.String() + " & 0x" + strconv.FormatUint(x.Mask, 16)
	if x.Op == Eq && x.single() {
		return s + " == " + parts[0]
	}
	if x.Op == Eq {
		return s + " in" + opSet(Eq, parts)
	}
	return s + opSet(x.Op, parts)
}

// single reports whether the comparison is with one number.
func (x Cmp) single() bool { return len(x.Set) == 1 && x.Set[0].Lo == x.Set[0].Hi }

// stateNames returns the names in the set, each once.
func stateNames(set []Range) []string {
	var out []string
	for _, r := range set {
		n := fold(monitor.State(r.Lo).Name(monitor.Proto(r.Lo >> 8)))
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// Primitives print for people; Parse does not accept this text.

func (x In) String() string {
	parts := x.Field.info().kind.printed(x.Set)
	name := x.Field.String()
	if x.Mask != ^uint64(0) {
		name += " & 0x" + strconv.FormatUint(x.Mask, 16)
	}
	return name + " in {" + strings.Join(parts, ",") + "}"
}

func (x Prefix) String() string { return x.Field.String() + " in " + x.Net.String() }

func (x Differ) String() string { return x.A.String() + " != " + x.B.String() }

// NetNS returns a function that returns the name of a network namespace and a filter for its
// flows, "" if it has no name.
func NetNS(names *monitor.Namespaces) func(monitor.NetNS) (name, text string) {
	return func(id monitor.NetNS) (name, text string) {
		if name = names.Name(id); name != "" {
			text = "netns " + Quote(name)
		}
		return name, text
	}
}
