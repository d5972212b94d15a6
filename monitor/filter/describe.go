package filter

import (
	"cmp"
	"strconv"
	"strings"
)

// Describe returns a filter as one line of English.
//
//	tcp dport 443 and not snat    TCP, to port 443, not (source rewritten)
func Describe(e Expr) string {
	switch e := e.(type) {
	case Const:
		if e {
			return "everything"
		}
		return "nothing"
	case And:
		return describeAll(e, ", ")
	case Or:
		return describeAll(e, " or ")
	case Not:
		return negated(Describe(e.X))
	case Cmp:
		return describeCmp(e)
	case Addr:
		return e.Field.info().phrase + describeSet(e.Op, mapped(e.Set, formatNet))
	case Text:
		return e.Field.info().phrase + describeSet(e.Op, mapped(e.Set, strconv.Quote)) + inMessage(e.Field)
	case Match:
		if e.Regexp {
			return "row matches " + strconv.Quote(e.Text)
		}
		return "row contains " + strconv.Quote(e.Text)
	case Has:
		if e.Field&^Sent == FieldMaster {
			return "expected by a helper" + inMessage(e.Field)
		}
		return (e.Field &^ Sent).String() + " known" + inMessage(e.Field)
	}
	return e.String()
}

func negated(s string) string {
	if strings.Contains(s, " ") {
		s = "(" + s + ")"
	}
	return "not " + s
}

func describeAll(parts []Expr, joint string) string {
	return strings.Join(mapped(parts, func(x Expr) string {
		switch x.(type) {
		case And, Or:
			return "(" + Describe(x) + ")"
		}
		return Describe(x)
	}), joint)
}

func describeCmp(c Cmp) string {
	switch f := c.Field &^ Sent; f.info().kind {
	case kindFlag:
		return "inferred"
	case kindNAT, kindStatus:
		if w, opposite, ok := c.bitWord(); opposite {
			return negated(w.phrase) + inMessage(c.Field)
		} else if ok {
			return w.phrase + inMessage(c.Field)
		}
	case kindProto, kindFamily:
		if c.Op == Eq && c.single() {
			word := f.info().kind.value(c.Set[0].Lo)
			return cmp.Or(properNames[word], f.info().phrase+word)
		}
	case kindState:
		return f.info().phrase + describeSet(c.Op, mapped(stateNames(c.Set), strings.ToUpper)) + inMessage(c.Field)
	}
	parts := c.Field.info().kind.printed(c.Set, " to ")
	s := c.Field.info().phrase
	if c.Mask != 0 {
		mask := "0x" + strconv.FormatUint(c.Mask, 16)
		if c.Op == Ne && c.single() && c.Set[0].Lo == 0 {
			return s + "with a bit of " + mask + " set" + inMessage(c.Field)
		}
		s += "& " + mask + " "
		if c.Op == Eq {
			s += "equal to "
		}
	}
	return s + describeSet(c.Op, parts) + inMessage(c.Field)
}

func inMessage(f Field) string {
	if f&Sent != 0 {
		return " in the message itself"
	}
	return ""
}

// properNames are names with capital letters.
var properNames = map[string]string{
	"tcp": "TCP", "udp": "UDP", "icmp": "ICMP", "sctp": "SCTP", "dccp": "DCCP", "gre": "GRE", "icmpv6": "ICMPv6",
	"udplite": "UDPLite", "ipv4": "IPv4", "ipv6": "IPv6",
}

// describeSet joins operator and values.
func describeSet(op Op, parts []string) string {
	values := strings.Join(parts, " or ")
	switch op {
	case Ne:
		return "other than " + values
	case Lt:
		return "below " + values
	case Le:
		return values + " or less"
	case Gt:
		return "above " + values
	case Ge:
		return values + " or more"
	}
	return values
}
