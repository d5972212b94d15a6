package filter

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
)

// Flag is one of conntrack(8)'s filter flags. All of them take a value; that of
// an Optional one may be left out.
type Flag struct {
	Name     string   // long name without the dashes
	Aliases  []string // more long names
	Short    byte     // 0: no short form
	Arg      string   // what the value is, as usage lines say it
	Optional bool     // the value may be left out
	Usage    string
	Legal    string   // conntrack(8)'s commands that take it as a filter, of "LDEU"; others call it illegal
	Repeats  bool     // may be given more than once
	Words    []string // values that are words, for completion

	field  string                   // the field that it compares
	protos func(monitor.Proto) bool // protocols that have the attribute; nil: all
}

var statusWords = []string{"ASSURED", "SEEN_REPLY", "UNSET", "FIXED_TIMEOUT", "EXPECTED", "OFFLOAD", "HW_OFFLOAD",
	"UNREPLIED"}

var flags = []Flag{
	{"family", nil, 'f', "ipv4|ipv6", false, "address family", "LDEU", false, []string{"ipv4", "ipv6"}, "family", nil},
	{"proto", []string{"protonum"}, 'p', "PROTO", false, "layer 4 protocol, by name or number",
		"LDEU", false, kindProto.sorted(), "proto", nil},
	{"orig-src", []string{"src"}, 's', "ADDR[/BITS]", false, "source address, original direction",
		"LDEU", false, nil, "orig.src", nil},
	{"orig-dst", []string{"dst"}, 'd', "ADDR[/BITS]", false, "destination address, original direction",
		"LDEU", false, nil, "orig.dst", nil},
	{"reply-src", nil, 'r', "ADDR[/BITS]", false, "source address, reply direction",
		"LDEU", false, nil, "reply.src", nil},
	{"reply-dst", nil, 'q', "ADDR[/BITS]", false, "destination address, reply direction",
		"LDEU", false, nil, "reply.dst", nil},
	{"mask-src", nil, 0, "MASK", false, "mask of --orig-src", "LDEU", false, nil, "", nil},
	{"mask-dst", nil, 0, "MASK", false, "mask of --orig-dst", "LDEU", false, nil, "", nil},
	{"orig-port-src", []string{"sport"}, 0, "PORT", false, "source port, original direction",
		"LDEU", false, nil, "sport", monitor.Proto.HasPorts},
	{"orig-port-dst", []string{"dport"}, 0, "PORT", false, "destination port, original direction",
		"LDEU", false, nil, "dport", monitor.Proto.HasPorts},
	{"reply-port-src", nil, 0, "PORT", false, "source port, reply direction",
		"LDEU", false, nil, "reply.sport", monitor.Proto.HasPorts},
	{"reply-port-dst", nil, 0, "PORT", false, "destination port, reply direction",
		"LDEU", false, nil, "reply.dport", monitor.Proto.HasPorts},
	{"state", nil, 0, "STATE", false, "state of a TCP, SCTP or DCCP connection",
		"LDEU", false, upper(kindState.sorted()), "msg.state", monitor.Proto.HasState},
	{"icmp-type", []string{"icmpv6-type"}, 0, "TYPE", false, "ICMP type",
		"LDEU", false, nil, "icmp.type", monitor.Proto.IsICMP},
	{"icmp-code", []string{"icmpv6-code"}, 0, "CODE", false, "ICMP code",
		"LDEU", false, nil, "icmp.code", monitor.Proto.IsICMP},
	{"icmp-id", []string{"icmpv6-id"}, 0, "ID", false, "ICMP id", "LDEU", false, nil, "icmp.id", monitor.Proto.IsICMP},
	{"orig-key-src", []string{"srckey"}, 0, "KEY", false, "GRE source key, original direction",
		"LDEU", false, nil, "srckey", only(monitor.GRE)},
	{"orig-key-dst", []string{"dstkey"}, 0, "KEY", false, "GRE destination key, original direction",
		"LDEU", false, nil, "dstkey", only(monitor.GRE)},
	{"reply-key-src", nil, 0, "KEY", false, "GRE source key, reply direction",
		"LDEU", false, nil, "reply.srckey", only(monitor.GRE)},
	{"reply-key-dst", nil, 0, "KEY", false, "GRE destination key, reply direction",
		"LDEU", false, nil, "reply.dstkey", only(monitor.GRE)},
	{"orig-vtag", nil, 0, "TAG", false, "SCTP verification tag, original direction",
		"U", false, nil, "msg.vtag", only(monitor.SCTP)},
	{"reply-vtag", nil, 0, "TAG", false, "SCTP verification tag, reply direction",
		"U", false, nil, "msg.reply.vtag", only(monitor.SCTP)},
	{"role", nil, 0, "client|server", false, "DCCP role of the original source",
		"", false, []string{"client", "server"}, "msg.role", only(monitor.DCCP)},
	{"src-nat", nil, 'n', "ADDR[:PORT]", true, "source is rewritten, or to this", "LDEU", false, nil, "", nil},
	{"dst-nat", nil, 'g', "ADDR[:PORT]", true, "destination is rewritten, or to this", "LDEU", false, nil, "", nil},
	{"any-nat", nil, 'j', "ADDR[:PORT]", true, "source or destination is rewritten, or to this",
		"LE", false, nil, "", nil},
	{"mark", nil, 'm', "MARK[/MASK]", false, "connection mark", "LDEU", false, nil, "", nil},
	{"label", nil, 'l', "LABEL[,...]", false, "labels that are set, all of them", "LDEU", true, nil, "", nil},
	{"zone", nil, 'w', "ZONE", false, "zone of both directions", "LDE", false, nil, "msg.zone", nil},
	{"orig-zone", nil, 0, "ZONE", false, "zone of the original direction", "LDE", false, nil, "msg.orig.zone", nil},
	{"reply-zone", nil, 0, "ZONE", false, "zone of the reply direction", "LDE", false, nil, "msg.reply.zone", nil},
	{"status", nil, 'u', "STATUS[,...]", false, "status bits: set, or with ! not set",
		"LDU", true, statusWords, "", nil},
	{"timeout", nil, 't', "SECONDS", false, "time left", "DU", false, nil, "msg.timeout", nil},
	{"id", nil, 'i', "ID", false, "the kernel's id of the entry", "DU", false, nil, "id", nil},
	{"event-mask", nil, 'e', "new|update|destroy[,...]", false, "kinds of events",
		"E", true, []string{"all", "new", "updates", "destroy"}, "", nil},
}

// only accepts one protocol.
func only(p monitor.Proto) func(monitor.Proto) bool {
	return func(q monitor.Proto) bool { return p == q }
}

func upper(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToUpper(w)
	}
	return out
}

// Flags lists conntrack(8)'s filter flags, for the code that registers them. The
// caller must not change it.
func Flags() []Flag { return flags }

// FlagByName finds a flag by one of its long names, or its letter.
func FlagByName(name string) (*Flag, bool) {
	for i := range flags {
		f := &flags[i]
		if f.Name == name || slices.Contains(f.Aliases, name) || f.Short != 0 && name == string(f.Short) {
			return f, true
		}
	}
	return nil, false
}

// FlagValue is a flag as it was given: any of its names, and its value, "" where
// an optional one was left out.
type FlagValue struct{ Name, Value string }

// Selection is what conntrack(8)'s flags select: the flows, and the kinds of
// events that -e asks for (which a capture may use to join those groups only).
type Selection struct {
	Expr  Expr
	Kinds KindSet
}

// FlagError says which flag cannot be used so.
type FlagError struct {
	Flag       string // as given, without dashes
	Value      string
	Msg        string
	Suggestion string
}

// Error returns one line.
func (e *FlagError) Error() string {
	s := "--" + e.Flag
	if len(e.Flag) == 1 {
		s = "-" + e.Flag
	}
	if e.Value != "" {
		s += " " + monitor.Escape(e.Value)
	}
	s += ": " + e.Msg
	if e.Suggestion != "" {
		s += "; did you mean " + e.Suggestion + "?"
	}
	return s
}

// splitFlag takes --name, --name=value, -n, -nvalue or -n=value apart; f is nil if
// arg is not a filter flag.
func splitFlag(arg string) (name string, f *Flag, value string, attached bool) {
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		name, value, attached = strings.Cut(long, "=")
		if f, _ = FlagByName(name); len(name) == 1 {
			f = nil
		}
		return name, f, value, attached
	}
	if len(arg) < 2 || arg[0] != '-' {
		return "", nil, "", false
	}
	f, _ = FlagByName(arg[1:2])
	return arg[1:2], f, strings.TrimPrefix(arg[2:], "="), len(arg) > 2
}

// isTarget reports whether an argument can be the value of -n, -g or -j, which
// may be left out: only then it is theirs.
func isTarget(arg string) bool {
	_, _, err := splitTarget(arg)
	return err == nil
}

// AttachOptional makes of "-n 192.0.2.1" the one argument
// "--src-nat=192.0.2.1", for libraries such as pflag that know optional values
// in that form only. Other arguments stay.
func AttachOptional(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return append(out, args[i:]...)
		}
		_, f, value, attached := splitFlag(args[i])
		switch {
		case f == nil || !f.Optional:
			out = append(out, args[i])
		case attached:
			out = append(out, "--"+f.Name+"="+value)
		case i+1 < len(args) && isTarget(args[i+1]):
			i++
			out = append(out, "--"+f.Name+"="+args[i])
		default:
			out = append(out, args[i])
		}
	}
	return out
}

// splitTarget reads ADDR, ADDR:PORT or [ADDR]:PORT; the port is -1 where there is
// none. ADDR may be a network.
func splitTarget(s string) (net netip.Prefix, port int, err error) {
	addr := s
	port = -1
	if i := strings.LastIndexByte(s, ':'); i >= 0 && (s[0] == '[' && s[i-1] == ']' || strings.Count(s, ":") == 1) {
		n, err := strconv.ParseUint(s[i+1:], 10, 16)
		if err != nil {
			return net, port, errors.New("a port is a number from 0 to 65535")
		}
		addr, port = s[:i], int(n)
	}
	if inner, ok := strings.CutPrefix(addr, "["); ok {
		if addr, ok = strings.CutSuffix(inner, "]"); !ok {
			return net, port, errors.New("not ADDR, ADDR:PORT or [ADDR]:PORT")
		}
	}
	net, ok := parseNetwork(addr)
	if !ok {
		return net, port, errors.New("not an address")
	}
	return net, port, nil
}
