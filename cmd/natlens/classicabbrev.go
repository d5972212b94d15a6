package main

import (
	"slices"
	"strings"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// classicLong are conntrack(8)'s long flags, those of one meaning side by side, by
// the protocols behind whose -p they are known; nil: always.
var classicLong = []struct {
	protos []monitor.Proto
	names  string
}{
	{nil, "dump create add delete update get flush event counter|count stats load-file version help orig-src|src orig-dst|dst reply-src reply-dst " +
		"protonum|proto timeout status zero event-mask tuple-src tuple-dst mask-src mask-dst nat-range mark secmark id family src-nat dst-nat " +
		"output buffer-size any-nat zone label label-add label-del orig-zone reply-zone"},
	{[]monitor.Proto{monitor.TCP, monitor.UDP, monitor.UDPLite, monitor.SCTP, monitor.DCCP}, "orig-port-src|sport orig-port-dst|dport reply-port-src " +
		"reply-port-dst mask-port-src mask-port-dst tuple-port-src tuple-port-dst"},
	{[]monitor.Proto{monitor.TCP, monitor.SCTP, monitor.DCCP}, "state"},
	{[]monitor.Proto{monitor.SCTP}, "orig-vtag reply-vtag"},
	{[]monitor.Proto{monitor.DCCP}, "role"},
	{[]monitor.Proto{monitor.ICMP}, "icmp-type icmp-code icmp-id"},
	{[]monitor.Proto{monitor.ICMPv6}, "icmpv6-type icmpv6-code icmpv6-id"},
	{[]monitor.Proto{monitor.GRE}, "orig-key-src|srckey orig-key-dst|dstkey reply-key-src reply-key-dst mask-key-src mask-key-dst tuple-key-src tuple-key-dst"},
}

// meant are conntrack(8)'s long flags that begin with some letters, one of each
// meaning: getopt_long(3) takes the beginning of a flag for it where there is one.
// Of a whole flag it is that one alone.
func meant(letters string, proto monitor.Proto) (names []string) {
	for _, group := range classicLong {
		if group.protos != nil && !slices.Contains(group.protos, proto) {
			continue
		}
		for same := range strings.FieldsSeq(group.names) {
			words := strings.Split(same, "|")
			if slices.Contains(words, letters) {
				return []string{letters}
			}
			if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, letters) }); i >= 0 {
				names = append(names, words[i])
			}
		}
	}
	return names
}

// spellOut writes the long flags of a command line of conntrack(8)'s out that are cut
// short, as getopt_long(3) does, those of a protocol behind its -p; and -zL, its
// only group that ends in a command. Natlens's own command lines, which begin with a
// word, stay as they are, as does what may mean several flags or none.
func spellOut(args []string) []string {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") {
		return args
	}
	var out []string
	var proto monitor.Proto
	for i, arg := range args {
		if arg == "--" {
			return append(out, args[i:]...)
		}
		if letters, value, attached := strings.Cut(arg, "="); strings.HasPrefix(letters, "--") {
			if names := meant(letters[2:], proto); len(names) == 1 {
				arg = "--" + names[0]
				if attached {
					arg += "=" + value
				}
			}
		}
		switch {
		case len(arg) == 3 && strings.HasPrefix(arg, "-z") && isLetter(arg[2:]):
			out = append(out, "-z", "-"+arg[2:])
		default:
			out = append(out, arg)
		}
		proto = protoNow(proto, out)
	}
	return out
}

// protoNow is the protocol whose flags are known behind the last of some arguments.
func protoNow(before monitor.Proto, args []string) monitor.Proto {
	last := args[len(args)-1]
	value := ""
	switch name, attached, ok := strings.Cut(last, "="); {
	case ok && (name == "--proto" || name == "--protonum"):
		value = attached
	case strings.HasPrefix(last, "-p") && len(last) > 2:
		value = last[2:]
	case len(args) > 1 && slices.Contains([]string{"-p", "--proto", "--protonum"}, args[len(args)-2]):
		value = last
	default:
		return before
	}
	if proto, known, err := givenProto([]filter.FlagValue{{Name: "proto", Value: value}}); known && err == nil {
		return proto
	}
	return before
}
