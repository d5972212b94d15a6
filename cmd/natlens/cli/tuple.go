//go:build linux

package cli

import (
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// Exact is one flow by conntrack(8)'s flags: each flag has a single value.
type Exact struct {
	Proto   monitor.Proto
	command string
	family  monitor.Family
	numbers map[string]uint64 // by the name of the flag
	addrs   map[string]monitor.Addr
}

// OrigFlags are the flags of the original tuple of a flow, and ExactFlags those of both tuples.
var (
	OrigFlags = []string{"family", "proto", "orig-src", "orig-dst", "orig-port-src", "orig-port-dst", "icmp-type",
		"icmp-code", "icmp-id", "orig-key-src", "orig-key-dst", "zone", "orig-zone"}
	ExactFlags = append([]string{"reply-src", "reply-dst", "reply-port-src", "reply-port-dst", "reply-key-src",
		"reply-key-dst", "reply-zone"}, OrigFlags...)
)

// CheckFlags rejects a flag that a command does not use.
func CheckFlags(command string, given []filter.FlagValue, used ...string) error {
	for _, v := range given {
		if name := FlagName(v); !slices.Contains(used, name) {
			return Usagef("--%s is not for natlens %s", name, command)
		}
	}
	return nil
}

// ReadExact reads the given flags that belong to tuples. Errors name the command.
func ReadExact(command string, env filter.Env, given []filter.FlagValue) (*Exact, error) {
	x := &Exact{command: command, numbers: map[string]uint64{}, addrs: map[string]monitor.Addr{}}
	given = slices.DeleteFunc(slices.Clone(given), func(v filter.FlagValue) bool {
		return !slices.Contains(ExactFlags, FlagName(v))
	})
	if _, err := env.FromFlags(given); err != nil {
		return nil, Usage(err)
	}
	for _, v := range given {
		one, err := env.FromFlags([]filter.FlagValue{v})
		if err != nil {
			return nil, Usage(err)
		}
		if !x.take(FlagName(v), one.Expr) {
			return nil, Usagef("%s is about one flow: %s names more than one", command, one.Expr)
		}
	}
	if !has(x.numbers, "proto") {
		return nil, Usagef("%s needs --proto", command)
	}
	x.Proto = monitor.Proto(x.numbers["proto"])
	return x, nil
}

// take stores the value of a flag and reports whether it is a single value.
func (x *Exact) take(flag string, e filter.Expr) bool {
	switch e := e.(type) {
	case filter.Const:
		return true
	case filter.Cmp:
		if e.Op != filter.Eq || len(e.Set) != 1 || e.Set[0].Lo != e.Set[0].Hi || e.Mask != 0 {
			return false
		}
		x.numbers[flag] = e.Set[0].Lo
		return true
	case filter.Addr:
		if len(e.Set) != 1 || !e.Set[0].IsSingleIP() {
			return false
		}
		x.addrs[flag] = monitor.AddrFrom(e.Set[0].Addr())
		if x.family = monitor.IPv6; e.Set[0].Addr().Is4() {
			x.family = monitor.IPv4
		}
		return true
	}
	return false
}

// has reports whether all of the flags were given.
func has[V any](given map[string]V, flags ...string) bool {
	return !slices.ContainsFunc(flags, func(f string) bool { _, ok := given[f]; return !ok })
}

// ends returns the flags of the ports or GRE keys of a direction; nil for other protocols.
func (x *Exact) ends(direction string) []string {
	switch {
	case x.Proto.HasPorts():
		return []string{direction + "-port-src", direction + "-port-dst"}
	case x.Proto == monitor.GRE:
		return []string{direction + "-key-src", direction + "-key-dst"}
	}
	return nil
}

// HasOrig reports whether both addresses of the original direction are given.
func (x *Exact) HasOrig() bool { return has(x.addrs, "orig-src", "orig-dst") }

// Flow returns the flow with the tuples that the flags give completely, at least one. The other
// tuple has the family 0.
func (x *Exact) Flow() (f monitor.Flow, err error) {
	orig, reply := x.HasOrig(), has(x.addrs, "reply-src", "reply-dst")
	origEnds, replyEnds := has(x.numbers, x.ends("orig")...), has(x.numbers, x.ends("reply")...)
	if orig && reply && origEnds != replyEnds { // one is enough
		orig, reply = origEnds, replyEnds
	}
	if !orig && !reply {
		return f, Usagef("%s needs --orig-src and --orig-dst, or --reply-src and --reply-dst", x.command)
	}
	if orig {
		if f.Orig, err = x.tuple("orig"); err != nil {
			return f, err
		}
	}
	if reply {
		if f.Reply, err = x.tuple("reply"); err == nil {
			err = x.invertICMP(&f.Reply) // the flags are those of the original direction
		}
		if err != nil {
			return f, err
		}
	}
	return f, x.zones(&f)
}

func (x *Exact) tuple(direction string) (t monitor.Tuple, err error) {
	t = monitor.Tuple{Proto: x.Proto, Family: x.family}
	if ends := x.ends(direction); !has(x.numbers, ends...) {
		return t, Usagef("%s needs --%s and --%s for protocol %s", x.command, ends[0], ends[1], x.Proto)
	}
	x.set(direction, &t)
	if x.Proto.IsICMP() {
		if !has(x.numbers, "icmp-type", "icmp-code") {
			return t, Usagef("%s needs --icmp-type and --icmp-code for protocol %s", x.command, x.Proto)
		}
		t.SetICMP(uint16(x.numbers["icmp-id"]), uint8(x.numbers["icmp-type"]), uint8(x.numbers["icmp-code"]))
	}
	return t, nil
}

func (x *Exact) set(direction string, t *monitor.Tuple) {
	for end, to := range map[string]*monitor.Addr{"-src": &t.Src, "-dst": &t.Dst} {
		if a, ok := x.addrs[direction+end]; ok {
			*to = a
		}
	}
	for i, flag := range x.ends(direction) {
		if n, ok := x.numbers[flag]; ok {
			*[]*uint16{&t.SrcPort, &t.DstPort}[i] = uint16(n)
		}
	}
}

func (x *Exact) zones(f *monitor.Flow) error {
	orig, reply := x.numbers["orig-zone"], x.numbers["reply-zone"]
	both := has(x.numbers, "zone")
	if both && (has(x.numbers, "orig-zone") || has(x.numbers, "reply-zone")) ||
		orig != 0 && reply != 0 && orig != reply {
		return Usagef("%s: a flow has one zone, in both directions or in one", x.command)
	}
	if both {
		orig, reply = x.numbers["zone"], x.numbers["zone"]
	}
	f.Orig.Zone, f.Reply.Zone = uint16(orig), uint16(reply)
	return nil
}

// Complete sets the missing tuple to the inverse of the other, except what the flags give for
// that direction.
func (x *Exact) Complete(f *monitor.Flow) error {
	have, missing, direction := &f.Orig, &f.Reply, "reply"
	switch {
	case f.Orig.Family != 0 && f.Reply.Family != 0:
		return nil
	case f.Orig.Family == 0:
		have, missing, direction = missing, have, "orig"
	}
	*missing = monitor.Tuple{Src: have.Dst, Dst: have.Src, SrcPort: have.DstPort, DstPort: have.SrcPort,
		Proto: have.Proto, Family: have.Family, Zone: missing.Zone}
	if x.Proto.IsICMP() {
		missing.SrcPort, missing.DstPort = have.SrcPort, have.DstPort
	}
	x.set(direction, missing)
	return x.invertICMP(missing)
}

// icmpAnswers are the ICMP types that answer others.
var icmpAnswers = map[monitor.Proto]map[uint8]uint8{
	monitor.ICMP:   {0: 8, 8: 0, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17},
	monitor.ICMPv6: {128: 129, 129: 128, 139: 140, 140: 139},
}

// invertICMP changes the type of an ICMP tuple to that of its answer.
func (x *Exact) invertICMP(t *monitor.Tuple) error {
	if !x.Proto.IsICMP() {
		return nil
	}
	if answer, ok := icmpAnswers[x.Proto][t.ICMPType()]; ok {
		t.SetICMP(t.ICMPID(), answer, t.ICMPCode())
		return nil
	}
	return Usagef("%s: %s type %d has no reply type, so it makes no flow", x.command,
		strings.ToUpper(x.Proto.String()), t.ICMPType())
}

// Number32 reads a 32-bit number, which is text in the value of a flag.
func Number32(v filter.FlagValue, text string) (*uint32, error) {
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return nil, Usagef("--%s %s: not a number up to %d", v.Name, monitor.Escape(v.Value), ^uint32(0))
	}
	m := uint32(n)
	return &m, nil
}
