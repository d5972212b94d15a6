//go:build linux

package cli

import (
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// Exact is what conntrack(8)'s flags say of one flow: each names one value, and not a set.
type Exact struct {
	Proto   monitor.Proto
	command string
	family  monitor.Family
	numbers map[filter.Field]uint64
	addrs   map[filter.Field]monitor.Addr
}

// ExactFlags are the flags that name the tuples of a flow.
var ExactFlags = []string{"family", "proto", "orig-src", "orig-dst", "reply-src", "reply-dst",
	"orig-port-src", "orig-port-dst", "reply-port-src", "reply-port-dst", "icmp-type", "icmp-code", "icmp-id",
	"orig-key-src", "orig-key-dst", "reply-key-src", "reply-key-dst", "zone", "orig-zone", "reply-zone"}

// ReadExact reads those of the given flags that name tuples. Errors name the command.
func ReadExact(command string, env filter.Env, given []filter.FlagValue) (*Exact, error) {
	x := &Exact{command: command, numbers: map[filter.Field]uint64{}, addrs: map[filter.Field]monitor.Addr{}}
	sel, err := env.FromFlags(slices.DeleteFunc(slices.Clone(given), func(v filter.FlagValue) bool {
		f, ok := filter.FlagByName(v.Name)
		return !ok || !slices.Contains(ExactFlags, f.Name)
	}))
	if err != nil {
		return nil, Usage(err)
	}
	parts, ok := sel.Expr.(filter.And)
	if !ok {
		parts = filter.And{sel.Expr}
	}
	for _, part := range parts {
		if err := x.take(part); err != nil {
			return nil, err
		}
	}
	proto, ok := x.numbers[filter.FieldProto]
	if !ok {
		return nil, Usagef("%s needs --proto", command)
	}
	x.Proto = monitor.Proto(proto)
	return x, nil
}

func (x *Exact) take(e filter.Expr) error {
	switch e := e.(type) {
	case filter.Const:
		return nil
	case filter.Cmp:
		if e.Op == filter.Eq && len(e.Set) == 1 && e.Set[0].Lo == e.Set[0].Hi && e.Mask == 0 {
			x.numbers[e.Field&^filter.Sent] = e.Set[0].Lo
			return nil
		}
	case filter.Addr:
		if len(e.Set) == 1 && e.Set[0].IsSingleIP() {
			x.addrs[e.Field] = monitor.AddrFrom(e.Set[0].Addr())
			x.family = monitor.IPv6
			if e.Set[0].Addr().Is4() {
				x.family = monitor.IPv4
			}
			return nil
		}
	}
	return Usagef("%s is about one flow: %s names more than one", x.command, e)
}

// direction is one direction of a flow in the words of flags.
type direction struct {
	name        string
	src, dst    filter.Field
	ports, keys [2]filter.Field
}

var (
	origDirection = &direction{
		"orig", filter.FieldOrigSrc, filter.FieldOrigDst,
		[2]filter.Field{filter.FieldOrigSPort, filter.FieldOrigDPort},
		[2]filter.Field{filter.FieldOrigSrcKey, filter.FieldOrigDstKey},
	}
	replyDirection = &direction{
		"reply", filter.FieldReplySrc, filter.FieldReplyDst,
		[2]filter.Field{filter.FieldReplySPort, filter.FieldReplyDPort},
		[2]filter.Field{filter.FieldReplySrcKey, filter.FieldReplyDstKey},
	}
)

// ends are the fields of ports, or of GRE keys, and what their flags are called; "" for protocols without both.
func (x *Exact) ends(d *direction) (fields [2]filter.Field, what string) {
	switch {
	case x.Proto.HasPorts():
		return d.ports, "port"
	case x.Proto == monitor.GRE:
		return d.keys, "key"
	}
	return fields, ""
}

// HasOrig reports whether both addresses of the original direction are given.
func (x *Exact) HasOrig() bool { return x.has(origDirection) }

func (x *Exact) has(d *direction) bool {
	_, src := x.addrs[d.src]
	_, dst := x.addrs[d.dst]
	return src && dst
}

// lacks reports whether one of the ports or keys of a direction is not given.
func (x *Exact) lacks(d *direction) bool {
	fields, what := x.ends(d)
	_, src := x.numbers[fields[0]]
	_, dst := x.numbers[fields[1]]
	return what != "" && !(src && dst)
}

// Flow returns the flow with those tuples that the flags name completely, at least one. The other has the family 0.
func (x *Exact) Flow() (f monitor.Flow, err error) {
	orig, reply := x.has(origDirection), x.has(replyDirection)
	if orig && reply && x.lacks(origDirection) != x.lacks(replyDirection) { // one is enough
		orig, reply = x.lacks(replyDirection), x.lacks(origDirection)
	}
	if !orig && !reply {
		return f, Usagef("%s needs --orig-src and --orig-dst, or --reply-src and --reply-dst", x.command)
	}
	if orig {
		if err := x.tuple(origDirection, &f.Orig); err != nil {
			return f, err
		}
	}
	if reply {
		if err := x.tuple(replyDirection, &f.Reply); err != nil {
			return f, err
		}
		if err := x.invertICMP(&f.Reply); err != nil { // the flags are those of the original direction
			return f, err
		}
	}
	return f, x.zones(&f)
}

func (x *Exact) tuple(d *direction, t *monitor.Tuple) error {
	*t = monitor.Tuple{Src: x.addrs[d.src], Dst: x.addrs[d.dst], Proto: x.Proto, Family: x.family}
	if fields, what := x.ends(d); x.lacks(d) {
		return Usagef("%s needs --%s-%s-src and --%[2]s-%[3]s-dst for protocol %[4]s", x.command, d.name, what, x.Proto)
	} else if what != "" {
		t.SrcPort, t.DstPort = uint16(x.numbers[fields[0]]), uint16(x.numbers[fields[1]])
	}
	if x.Proto.IsICMP() {
		typ, hasType := x.numbers[filter.FieldICMPType]
		code, hasCode := x.numbers[filter.FieldICMPCode]
		if !hasType || !hasCode {
			return Usagef("%s needs --icmp-type and --icmp-code for protocol %s", x.command, x.Proto)
		}
		t.SetICMP(uint16(x.numbers[filter.FieldICMPID]), uint8(typ), uint8(code))
	}
	return nil
}

func (x *Exact) zones(f *monitor.Flow) error {
	both, isBoth := x.numbers[filter.FieldZone]
	orig, isOrig := x.numbers[filter.FieldOrigZone]
	reply, isReply := x.numbers[filter.FieldReplyZone]
	if isBoth && (isOrig || isReply) || orig != 0 && reply != 0 && orig != reply {
		return Usagef("%s: a flow has one zone, in both directions or in one", x.command)
	}
	if isBoth {
		orig, reply = both, both
	}
	f.Orig.Zone, f.Reply.Zone = uint16(orig), uint16(reply)
	return nil
}

// Complete makes the tuple that is missing by inverting the other: a flow without NAT, apart from what the flags say
// of that direction.
func (x *Exact) Complete(f *monitor.Flow) error {
	have, missing, d := &f.Orig, &f.Reply, replyDirection
	switch {
	case f.Orig.Family != 0 && f.Reply.Family != 0:
		return nil
	case f.Orig.Family == 0:
		have, missing, d = missing, have, origDirection
	}
	*missing = monitor.Tuple{Src: have.Dst, Dst: have.Src, SrcPort: have.DstPort, DstPort: have.SrcPort,
		Proto: have.Proto, Family: have.Family, Zone: missing.Zone}
	if x.Proto.IsICMP() {
		missing.SrcPort, missing.DstPort = have.SrcPort, have.DstPort
		if err := x.invertICMP(missing); err != nil {
			return err
		}
	}
	if a, ok := x.addrs[d.src]; ok {
		missing.Src = a
	}
	if a, ok := x.addrs[d.dst]; ok {
		missing.Dst = a
	}
	fields, what := x.ends(d)
	if n, ok := x.numbers[fields[0]]; ok && what != "" {
		missing.SrcPort = uint16(n)
	}
	if n, ok := x.numbers[fields[1]]; ok && what != "" {
		missing.DstPort = uint16(n)
	}
	return nil
}

// icmpAnswers are the ICMP types that answer each other.
var icmpAnswers = map[monitor.Proto][][2]uint8{
	monitor.ICMP:   {{0, 8}, {13, 14}, {15, 16}, {17, 18}},
	monitor.ICMPv6: {{128, 129}, {139, 140}},
}

// invertICMP makes the type of an ICMP tuple that of its answer.
func (x *Exact) invertICMP(t *monitor.Tuple) error {
	if !x.Proto.IsICMP() {
		return nil
	}
	for _, pair := range icmpAnswers[x.Proto] {
		if i := slices.Index(pair[:], t.ICMPType()); i >= 0 {
			t.SetICMP(t.ICMPID(), pair[1-i], t.ICMPCode())
			return nil
		}
	}
	return Usagef("%s: %s type %d has no answer, so that it makes no flow", x.command,
		strings.ToUpper(x.Proto.String()), t.ICMPType())
}

// Allowed reports a flag that a command does not use.
func Allowed(command, flag string, names []string) error {
	if slices.Contains(names, flag) {
		return nil
	}
	return Usagef("--%s is not for natlens %s", flag, command)
}

// Number32 reads a number of 32 bits, which is text in the value of a flag.
func Number32(v filter.FlagValue, text string) (*uint32, error) {
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return nil, Usagef("--%s %s: not a number up to %d", v.Name, monitor.Escape(v.Value), ^uint32(0))
	}
	m := uint32(n)
	return &m, nil
}
