package main

import (
	"slices"
	"strings"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// protoFlags are the flags that conntrack(8) knows behind the -p of some protocols
// only, by a part of their names.
var protoFlags = []struct {
	part   string
	protos []monitor.Proto
}{
	{"port-", []monitor.Proto{monitor.TCP, monitor.UDP, monitor.UDPLite, monitor.SCTP, monitor.DCCP}},
	{"sport", []monitor.Proto{monitor.TCP, monitor.UDP, monitor.UDPLite, monitor.SCTP, monitor.DCCP}},
	{"dport", []monitor.Proto{monitor.TCP, monitor.UDP, monitor.UDPLite, monitor.SCTP, monitor.DCCP}},
	{"state", []monitor.Proto{monitor.TCP, monitor.SCTP, monitor.DCCP}},
	{"icmp-", []monitor.Proto{monitor.ICMP}},
	{"icmpv6-", []monitor.Proto{monitor.ICMPv6}},
	{"key", []monitor.Proto{monitor.GRE}},
	{"vtag", []monitor.Proto{monitor.SCTP}},
	{"role", []monitor.Proto{monitor.DCCP}},
}

// classicProto refuses a flag of another protocol than that of -p, or without -p,
// as conntrack(8) does behind a letter; 0 for its commands on expectations, which
// need -p here without a letter too. The order of the flags is not looked at.
func classicProto(given []filter.FlagValue, letter byte, name string) error {
	proto, known, err := givenProto(given)
	if err != nil {
		return err
	}
	for _, v := range given {
		for _, f := range protoFlags {
			switch {
			case !strings.Contains(v.Name, f.part), known && slices.Contains(f.protos, proto):
			case known:
				return usagef("--%s is a flag of %s, not of %s", v.Name, protoNames(f.protos), proto)
			case strings.IndexByte("LDEU", letter) < 0:
				return usagef("--%s needs -p %s", v.Name, protoNames(f.protos))
			default:
				return usagef("--%s needs -p %s, as in conntrack(8); natlens %s without -%c needs none", v.Name, protoNames(f.protos), name, letter)
			}
		}
	}
	return nil
}

// givenProto is the protocol that -p names, if it was given.
func givenProto(given []filter.FlagValue) (p monitor.Proto, known bool, err error) {
	for _, v := range given {
		def, ok := filter.FlagByName(v.Name)
		if !ok || def.Name != "proto" {
			continue
		}
		sel, err := filter.Env{}.FromFlags([]filter.FlagValue{v})
		if err != nil {
			return 0, false, usageError{err}
		}
		p, known = monitor.Proto(sel.Expr.(filter.Cmp).Set[0].Lo), true
	}
	return p, known, nil
}

// protoNames are names as a sentence has them: tcp, sctp or dccp.
func protoNames(protos []monitor.Proto) string {
	var b strings.Builder
	for i, p := range protos {
		switch {
		case i > 0 && i == len(protos)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(p.String())
	}
	return b.String()
}
