package filter

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
)

// Flag is one of conntrack(8)'s filter flags. All of them take a value.
type Flag struct {
	Name  string // long name without the dashes
	Alias string // another long name, or ""
	Short byte   // 0: no short form
	Arg   string // placeholder of the value in help
	Usage string

	form   form
	field  string                   // the field that it compares
	protos func(monitor.Proto) bool // protocols that have the attribute; nil: all

	Words []string // values that are words, for completion
}

type form uint8

const (
	one      form = iota
	optional      // the value may be left out
	list          // of values; the flag may be given more than once
)

// Names returns the long names.
func (f Flag) Names() []string {
	if f.Alias == "" {
		return []string{f.Name}
	}
	return []string{f.Name, f.Alias}
}

// Optional reports whether the value may be left out.
func (f Flag) Optional() bool { return f.form == optional }

// Repeats reports whether the flag may be given more than once.
func (f Flag) Repeats() bool { return f.form == list }

var statusWords = []string{"ASSURED", "SEEN_REPLY", "UNSET", "FIXED_TIMEOUT", "EXPECTED", "OFFLOAD", "HW_OFFLOAD",
	"UNREPLIED"}

var filterFlags = []Flag{
	{"family", "", 'f', "ipv4|ipv6", "address family", one, "family", nil, []string{"ipv4", "ipv6"}},
	{"proto", "protonum", 'p', "PROTO", "layer 4 protocol, by name or number", one, "proto", nil, kindProto.sorted()},
	{"orig-src", "src", 's', "ADDR[/BITS]", "source address, original direction", one, "orig.src", nil, nil},
	{"orig-dst", "dst", 'd', "ADDR[/BITS]", "destination address, original direction", one, "orig.dst", nil, nil},
	{"reply-src", "", 'r', "ADDR[/BITS]", "source address, reply direction", one, "reply.src", nil, nil},
	{"reply-dst", "", 'q', "ADDR[/BITS]", "destination address, reply direction", one, "reply.dst", nil, nil},
	{"mask-src", "", 0, "MASK", "mask of --orig-src", one, "", nil, nil},
	{"mask-dst", "", 0, "MASK", "mask of --orig-dst", one, "", nil, nil},
	{"orig-port-src", "sport", 0, "PORT", "source port, original direction", one, "sport", monitor.Proto.HasPorts, nil},
	{"orig-port-dst", "dport", 0, "PORT", "destination port, original direction",
		one, "dport", monitor.Proto.HasPorts, nil},
	{"reply-port-src", "", 0, "PORT", "source port, reply direction", one, "reply.sport", monitor.Proto.HasPorts, nil},
	{"reply-port-dst", "", 0, "PORT", "destination port, reply direction",
		one, "reply.dport", monitor.Proto.HasPorts, nil},
	{"state", "", 0, "STATE", "state of a TCP, SCTP or DCCP connection",
		one, "msg.state", monitor.Proto.HasState, mapped(kindState.sorted(), strings.ToUpper)},
	{"icmp-type", "icmpv6-type", 0, "TYPE", "ICMP type", one, "icmp.type", monitor.Proto.IsICMP, nil},
	{"icmp-code", "icmpv6-code", 0, "CODE", "ICMP code", one, "icmp.code", monitor.Proto.IsICMP, nil},
	{"icmp-id", "icmpv6-id", 0, "ID", "ICMP id", one, "icmp.id", monitor.Proto.IsICMP, nil},
	{"orig-key-src", "srckey", 0, "KEY", "GRE source key, original direction", one, "srckey", just(monitor.GRE), nil},
	{"orig-key-dst", "dstkey", 0, "KEY", "GRE destination key, original direction",
		one, "dstkey", just(monitor.GRE), nil},
	{"reply-key-src", "", 0, "KEY", "GRE source key, reply direction", one, "reply.srckey", just(monitor.GRE), nil},
	{"reply-key-dst", "", 0, "KEY", "GRE destination key, reply direction",
		one, "reply.dstkey", just(monitor.GRE), nil},
	{"orig-vtag", "", 0, "TAG", "SCTP verification tag, original direction", one, "msg.vtag", just(monitor.SCTP), nil},
	{"reply-vtag", "", 0, "TAG", "SCTP verification tag, reply direction",
		one, "msg.reply.vtag", just(monitor.SCTP), nil},
	{"role", "", 0, "client|server", "DCCP role of the original source",
		one, "msg.role", just(monitor.DCCP), []string{"client", "server"}},
	{"src-nat", "", 'n', "ADDR[:PORT]", "source is rewritten, or to this", optional, "", nil, nil},
	{"dst-nat", "", 'g', "ADDR[:PORT]", "destination is rewritten, or to this", optional, "", nil, nil},
	{"any-nat", "", 'j', "ADDR[:PORT]", "source or destination is rewritten, or to this", optional, "", nil, nil},
	{"mark", "", 'm', "MARK[/MASK]", "connection mark", one, "", nil, nil},
	{"label", "", 'l', "LABEL[,...]", "labels that are set, all of them", list, "", nil, nil},
	{"zone", "", 'w', "ZONE", "zone of both directions", one, "msg.zone", nil, nil},
	{"orig-zone", "", 0, "ZONE", "zone of the original direction", one, "msg.orig.zone", nil, nil},
	{"reply-zone", "", 0, "ZONE", "zone of the reply direction", one, "msg.reply.zone", nil, nil},
	{"status", "", 'u', "STATUS[,...]", "status bits: set, or with ! not set", list, "", nil, statusWords},
	{"timeout", "", 't', "SECONDS", "time until the flow ends if no packet comes", one, "msg.timeout", nil, nil},
	{"id", "", 'i', "ID", "the kernel's id of the entry", one, "id", nil, nil},
	{"event-mask", "", 'e', "new|update|destroy[,...]", "kinds of events",
		list, "", nil, []string{"all", "new", "updates", "destroy"}},
}

// just returns a function that accepts one protocol.
func just(p monitor.Proto) func(monitor.Proto) bool {
	return func(q monitor.Proto) bool { return p == q }
}

// Flags returns conntrack(8)'s filter flags. The caller must not change them.
func Flags() []Flag { return filterFlags }

// FlagByName finds a flag by one of its long names, or its letter.
func FlagByName(name string) (*Flag, bool) {
	i := slices.IndexFunc(filterFlags, func(f Flag) bool {
		return slices.Contains(f.Names(), name) || f.Short != 0 && name == string(f.Short)
	})
	return &filterFlags[max(i, 0)], i >= 0
}

// FlagValue is a flag on the command line: one of its names, and its value, "" if an optional
// value was omitted.
type FlagValue struct{ Name, Value string }

// Selection is what conntrack(8)'s flags select: the flows, and the kinds of events of -e. A
// capture may join only the groups of these kinds.
type Selection struct {
	Expr  Expr
	Kinds KindSet
}

// KindSet is a set of kinds of events. The empty set means all of them.
type KindSet uint16

// Kinds returns the set of the given kinds.
func Kinds(kinds ...monitor.Kind) KindSet {
	var s KindSet
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has reports whether a kind is in the set.
func (s KindSet) Has(k monitor.Kind) bool { return s == 0 || s&(1<<k) != 0 }

// Expr returns the filter for events of the set.
func (s KindSet) Expr() Expr {
	if s == 0 {
		return Const(true)
	}
	var set []Range
	for k := monitor.KindNew; k <= monitor.KindExisting; k++ {
		if s.Has(k) {
			set = append(set, Range{uint64(k), uint64(k)})
		}
	}
	return newCmp(FieldEvent, 0, Eq, set)
}

// fails returns an error that names the flag and its value.
func (v FlagValue) fails(msg, suggestion string) error {
	s := "--" + v.Name
	if len(v.Name) == 1 {
		s = "-" + v.Name
	}
	if v.Value != "" {
		s += " " + monitor.Escape(v.Value)
	}
	s += ": " + msg
	if suggestion != "" {
		s += "; did you mean " + suggestion + "?"
	}
	return errors.New(s)
}

// SplitFlag splits --name, --name=value, -n, -nvalue or -n=value; name is "" for other
// arguments.
func SplitFlag(arg string) (name, value string, attached bool) {
	switch {
	case len(arg) < 2 || arg[0] != '-':
		return "", "", false
	case arg[1] != '-':
		return arg[1:2], strings.TrimPrefix(arg[2:], "="), len(arg) > 2
	}
	if name, value, attached = strings.Cut(arg[2:], "="); len(name) == 1 {
		return "", "", false
	}
	return name, value, attached
}

// AttachOptional joins "-n 192.0.2.1" to the one argument "--src-nat=192.0.2.1", because
// libraries such as pflag accept optional values only in this form. It returns other arguments
// unchanged.
func AttachOptional(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return append(out, args[i:]...)
		}
		name, value, attached := SplitFlag(args[i])
		f, ok := FlagByName(name)
		if ok && f.Optional() && !attached && i+1 < len(args) {
			if _, _, err := splitTarget(args[i+1]); err == nil {
				i++
				value, attached = args[i], true
			}
		}
		if ok && f.Optional() && attached {
			out = append(out, "--"+f.Name+"="+value)
		} else {
			out = append(out, args[i])
		}
	}
	return out
}

// splitTarget reads ADDR, ADDR:PORT or [ADDR]:PORT. ADDR may be a network. Without a port, port
// is -1.
func splitTarget(s string) (to netip.Prefix, port int, err error) {
	addr := s
	port = -1
	if host, digits, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return to, port, errors.New("a port is a number from 0 to 65535")
		}
		addr, port = host, int(n)
	} else if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		addr = s[1 : len(s)-1]
	}
	to, ok := parseNetwork(addr)
	if !ok {
		return to, port, errors.New("not an address")
	}
	return to, port, nil
}

// withMask returns the network of an address and a mask such as 255.255.255.0.
func withMask(addr, mask string) (string, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return "", errors.New(monitor.Escape(addr) + " is not a single address")
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || m.Zone() != "" || m.BitLen() != a.BitLen() {
		return "", errors.New("not a mask for this address, such as ffff:: or 255.255.255.0")
	}
	bits, size := net.IPMask(m.AsSlice()).Size()
	if size == 0 {
		return "", errors.New("not a network: the bits of the mask are not contiguous")
	}
	n, _ := a.Prefix(bits)
	return n.String(), nil
}
