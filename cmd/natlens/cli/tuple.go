//go:build linux

package cli

import (
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// exact reads flags of conntrack(8) that name one value each, and not a set, as
// the commands need it that are about a single flow.
type exact struct {
	command string
	numbers map[filter.Field]uint64
	addrs   map[filter.Field]monitor.Addr
	family  monitor.Family
	Proto   monitor.Proto
}

// ExactFlags are the flags that make the tuples of a flow.
var ExactFlags = []string{"family", "proto", "orig-src", "orig-dst", "reply-src", "reply-dst", "orig-port-src", "orig-port-dst",
	"reply-port-src", "reply-port-dst", "icmp-type", "icmp-code", "icmp-id", "orig-key-src", "orig-key-dst", "reply-key-src",
	"reply-key-dst", "zone", "orig-zone", "reply-zone"}

// ReadExact reads the flags that make tuples out of those that were given.
func ReadExact(command string, env filter.Env, given []filter.FlagValue) (*exact, error) {
	x := &exact{command: command, numbers: map[filter.Field]uint64{}, addrs: map[filter.Field]monitor.Addr{}}
	var mine []filter.FlagValue
	for _, v := range given {
		if f, ok := filter.FlagByName(v.Name); ok && slices.Contains(ExactFlags, f.Name) {
			mine = append(mine, v)
		}
	}
	sel, err := env.FromFlags(mine)
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
	if _, ok := x.numbers[filter.FieldProto]; !ok {
		return nil, Usagef("%s needs --proto", command)
	}
	x.Proto = monitor.Proto(x.numbers[filter.FieldProto])
	return x, nil
}

func (x *exact) take(e filter.Expr) error {
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

// side is one direction of a flow in the words of flags.
type side struct {
	src, dst         filter.Field
	srcFlag, dstFlag string
	ports, keys      [2]filter.Field
	portFlags        string
	keyFlags         string
	zone             filter.Field
}

var (
	OrigSide = side{filter.FieldOrigSrc, filter.FieldOrigDst, "--orig-src", "--orig-dst",
		[2]filter.Field{filter.FieldOrigSPort, filter.FieldOrigDPort}, [2]filter.Field{filter.FieldOrigSrcKey, filter.FieldOrigDstKey},
		"--orig-port-src and --orig-port-dst", "--orig-key-src and --orig-key-dst", filter.FieldOrigZone}
	replySide = side{filter.FieldReplySrc, filter.FieldReplyDst, "--reply-src", "--reply-dst",
		[2]filter.Field{filter.FieldReplySPort, filter.FieldReplyDPort}, [2]filter.Field{filter.FieldReplySrcKey, filter.FieldReplyDstKey},
		"--reply-port-src and --reply-port-dst", "--reply-key-src and --reply-key-dst", filter.FieldReplyZone}
)

// Flow returns the flow with the tuples that the flags name whole, at least one; the
// other one has the family 0.
func (x *exact) Flow() (f monitor.Flow, err error) {
	orig, reply := x.Has(&OrigSide), x.Has(&replySide)
	if orig && reply && x.lacks(&OrigSide) != x.lacks(&replySide) { // one is enough
		orig, reply = x.lacks(&replySide), x.lacks(&OrigSide)
	}
	if !orig && !reply {
		return f, Usagef("%s needs --orig-src and --orig-dst, or --reply-src and --reply-dst", x.command)
	}
	if orig {
		if err := x.tuple(&OrigSide, &f.Orig); err != nil {
			return f, err
		}
	}
	if reply {
		if err := x.tuple(&replySide, &f.Reply); err != nil {
			return f, err
		}
		if x.Proto.IsICMP() { // the flags are those of the original direction
			if err := x.invert(&f.Reply); err != nil {
				return f, err
			}
		}
	}
	return f, x.zones(&f)
}

func (x *exact) Has(s *side) bool {
	_, src := x.addrs[s.src]
	_, dst := x.addrs[s.dst]
	return src && dst
}

// lacks reports whether a direction is without one of its ports or keys.
func (x *exact) lacks(s *side) bool {
	fields := s.ports
	switch {
	case x.Proto == monitor.GRE:
		fields = s.keys
	case !x.Proto.HasPorts():
		return false
	}
	_, src := x.numbers[fields[0]]
	_, dst := x.numbers[fields[1]]
	return !src || !dst
}

// tuple reads one direction.
func (x *exact) tuple(s *side, t *monitor.Tuple) error {
	*t = monitor.Tuple{Src: x.addrs[s.src], Dst: x.addrs[s.dst], Proto: x.Proto, Family: x.family}
	switch {
	case x.Proto.HasPorts():
		return x.pair(s.ports, s.portFlags, t)
	case x.Proto == monitor.GRE:
		return x.pair(s.keys, s.keyFlags, t)
	case x.Proto.IsICMP():
		typ, hasType := x.numbers[filter.FieldICMPType]
		code, hasCode := x.numbers[filter.FieldICMPCode]
		if !hasType || !hasCode {
			return Usagef("%s needs --icmp-type and --icmp-code for protocol %s", x.command, x.Proto)
		}
		t.SetICMP(uint16(x.numbers[filter.FieldICMPID]), uint8(typ), uint8(code))
	}
	return nil
}

func (x *exact) pair(fields [2]filter.Field, flags string, t *monitor.Tuple) error {
	src, hasSrc := x.numbers[fields[0]]
	dst, hasDst := x.numbers[fields[1]]
	if !hasSrc || !hasDst {
		return Usagef("%s needs %s for protocol %s", x.command, flags, x.Proto)
	}
	t.SrcPort, t.DstPort = uint16(src), uint16(dst)
	return nil
}

func (x *exact) zones(f *monitor.Flow) error {
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

// Complete makes the tuple that is missing from the other one turned round: a
// flow without NAT, but for what the flags say of that side.
func (x *exact) Complete(f *monitor.Flow) error {
	have, missing, flags := &f.Orig, &f.Reply, &replySide
	switch {
	case f.Orig.Family != 0 && f.Reply.Family != 0:
		return nil
	case f.Orig.Family == 0:
		have, missing, flags = missing, have, &OrigSide
	}
	zone := missing.Zone
	*missing = monitor.Tuple{Src: have.Dst, Dst: have.Src, SrcPort: have.DstPort, DstPort: have.SrcPort,
		Proto: have.Proto, Family: have.Family, Zone: zone}
	if x.Proto.IsICMP() {
		missing.SrcPort, missing.DstPort = have.SrcPort, have.DstPort
		if err := x.invert(missing); err != nil {
			return err
		}
	}
	x.override(flags, missing)
	return nil
}

// override writes into a tuple what flags say of its side.
func (x *exact) override(s *side, t *monitor.Tuple) {
	for field, at := range map[filter.Field]*monitor.Addr{s.src: &t.Src, s.dst: &t.Dst} {
		if a, ok := x.addrs[field]; ok {
			*at = a
		}
	}
	fields := s.ports
	if x.Proto == monitor.GRE {
		fields = s.keys
	}
	for i, at := range []*uint16{&t.SrcPort, &t.DstPort} {
		if n, ok := x.numbers[fields[i]]; ok && !x.Proto.IsICMP() {
			*at = uint16(n)
		}
	}
}

// icmpAnswers are the ICMP types that answer each other.
var icmpAnswers = map[monitor.Proto][][2]uint8{
	monitor.ICMP:   {{0, 8}, {13, 14}, {15, 16}, {17, 18}},
	monitor.ICMPv6: {{128, 129}, {139, 140}},
}

// invert makes the type of an ICMP tuple that of its answer.
func (x *exact) invert(t *monitor.Tuple) error {
	for _, pair := range icmpAnswers[x.Proto] {
		if i := slices.Index(pair[:], t.ICMPType()); i >= 0 {
			t.SetICMP(t.ICMPID(), pair[1-i], t.ICMPCode())
			return nil
		}
	}
	return Usagef("%s: %s type %d has no answer: it makes no flow", x.command, strings.ToUpper(x.Proto.String()), t.ICMPType())
}

// Allowed refuses a flag that a command has no use for.
func Allowed(command, flag string, names []string) error {
	if slices.Contains(names, flag) {
		return nil
	}
	return Usagef("--%s says nothing to natlens %s", flag, command)
}

func Number32(v filter.FlagValue, text string) (*uint32, error) {
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return nil, Usagef("--%s %s: not a number up to %d", v.Name, monitor.Escape(v.Value), ^uint32(0))
	}
	m := uint32(n)
	return &m, nil
}
