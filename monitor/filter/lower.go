package filter

import (
	"net/netip"

	"natlens/monitor"
)

// Lower rewrites a filter: every Addr, and every Cmp of a value in the tuples or of the kind of
// event, becomes a tree of the primitives In, Prefix and Differ. Other nodes stay. The result
// selects the same events of flows with both tuples.
//
// In reads a field as monitor.Tuple has it: an absent port, id or key is 0. The meaning of such
// a field depends on the protocol, so Lower adds a comparison of the protocol if it is needed.
func Lower(e Expr) Expr {
	return rebuilt(e, true, func(e Expr, _ bool) Expr {
		switch c := e.(type) {
		case Addr:
			return lowerAddr(c)
		case Cmp:
			if x := lowerCmp(c); x != nil {
				return x
			}
		}
		return e
	})
}

func protoIn(protos ...monitor.Proto) Expr {
	set := mapped(protos, func(p monitor.Proto) Range { return Range{uint64(p), uint64(p)} })
	return In{FieldProto, noMask, normalize(set, true)}
}

var (
	withPorts = protoIn(monitor.TCP, monitor.UDP, monitor.DCCP, monitor.SCTP, monitor.UDPLite)
	withICMP  = protoIn(monitor.ICMP, monitor.ICMPv6)
	withKeys  = protoIn(monitor.GRE)
)

// slot is the place of a field's value in a tuple, and the flows that have it.
type slot struct {
	having Expr
	field  Field
	shift  uint
	max    uint64
}

var slots = map[Field]slot{
	FieldOrigSPort:   {withPorts, FieldOrigL4Src, 0, max16},
	FieldOrigDPort:   {withPorts, FieldOrigL4Dst, 0, max16},
	FieldReplySPort:  {withPorts, FieldReplyL4Src, 0, max16},
	FieldReplyDPort:  {withPorts, FieldReplyL4Dst, 0, max16},
	FieldICMPType:    {withICMP, FieldOrigL4Dst, 8, max8},
	FieldICMPCode:    {withICMP, FieldOrigL4Dst, 0, max8},
	FieldICMPID:      {withICMP, FieldOrigL4Src, 0, max16},
	FieldReplyICMPID: {withICMP, FieldReplyL4Src, 0, max16},
	FieldOrigSrcKey:  {withKeys, FieldOrigL4Src, 0, max16},
	FieldOrigDstKey:  {withKeys, FieldOrigL4Dst, 0, max16},
	FieldReplySrcKey: {withKeys, FieldReplyL4Src, 0, max16},
	FieldReplyDstKey: {withKeys, FieldReplyL4Dst, 0, max16},
	FieldNATSPort:    {AllOf(natTests[natSource], withPorts), FieldReplyL4Dst, 0, max16},
	FieldNATDPort:    {AllOf(natTests[natDest], withPorts), FieldReplyL4Src, 0, max16},
	FieldZone:        {Negate(Differ{FieldOrigZone, FieldReplyZone}), FieldOrigZone, 0, max16},
}

// lowerCmp returns the primitives of a comparison, or nil.
func lowerCmp(c Cmp) Expr {
	if s, ok := slots[c.Field]; ok {
		return AllOf(s.having, s.in(c))
	}
	switch c.Field {
	case FieldFamily, FieldProto, FieldOrigZone, FieldReplyZone, FieldEvent:
		return inSet(c.Field, noMask, c.ranges(c.Field.info().max))
	case FieldPort:
		src, dst := slots[FieldOrigSPort].in(c), slots[FieldOrigDPort].in(c)
		if c.Op == Ne {
			return AllOf(withPorts, src, dst)
		}
		return AllOf(withPorts, AnyOf(src, dst))
	case FieldNAT:
		return lowerNAT(c)
	}
	return nil
}

// in compares a value that may be only a part of the 16 bits of the slot.
func (s slot) in(c Cmp) Expr {
	set := c.ranges(s.max)
	switch {
	case c.Mask != 0: // only keys, which fill the slot
		return inSet(s.field, c.Mask, set)
	case s.max == max16:
		return inSet(s.field, noMask, set)
	}
	shifted := make([]Range, len(set))
	for i, r := range set {
		shifted[i] = Range{r.Lo << s.shift, r.Hi << s.shift}
	}
	return inSet(s.field, s.max<<s.shift, shifted)
}

func inSet(f Field, mask uint64, set []Range) Expr {
	if len(set) == 0 {
		return Const(false)
	}
	return In{f, mask, set}
}

func lowerAddr(a Addr) Expr {
	in := func(f Field) Expr { return AnyOf(mapped(a.Set, func(n netip.Prefix) Expr { return Prefix{f, n} })...) }
	var x Expr
	switch a.Field {
	case FieldHost:
		x = AnyOf(in(FieldOrigSrc), in(FieldOrigDst), in(FieldReplySrc), in(FieldReplyDst))
	case FieldNATSrc, FieldNATDst:
		bit, f := natSource, FieldReplyDst
		if a.Field == FieldNATDst {
			bit, f = natDest, FieldReplySrc
		}
		if a.Op == Ne {
			return AllOf(natTests[bit], Negate(in(f)))
		}
		return AllOf(natTests[bit], in(f))
	default:
		x = in(a.Field)
	}
	if a.Op == Ne {
		return Negate(x)
	}
	return x
}

// lowerNAT returns the primitives of a comparison of the NAT kind, or nil if the tuples are not
// enough.
func lowerNAT(c Cmp) Expr {
	x := natTests[c.Mask]
	switch src, dst := natTests[natSource], natTests[natDest]; {
	case c.Mask == natKinds && c.Set[0].Lo == natKinds:
		x = AllOf(src, dst)
	case c.Mask == natKinds:
		x = Negate(AnyOf(src, dst))
	case x != nil && c.Set[0].Lo == 0:
		x = Negate(x)
	}
	if x != nil && c.Op == Ne {
		return Negate(x)
	}
	return x
}

// natTests are the conditions on the tuples that [monitor.Flow.NAT] uses for its bits, but not for
// those that depend on the status or path: the reply tuple is not the reversed original tuple. The
// id of an ICMP echo is the source port of both tuples.
var natTests = func() map[uint64]Expr {
	srcAddr, dstAddr := Differ{FieldOrigSrc, FieldReplyDst}, Differ{FieldOrigDst, FieldReplySrc}
	srcPort := AnyOf(AllOf(withICMP, Differ{FieldOrigL4Src, FieldReplyL4Src}),
		AllOf(Negate(withICMP), Differ{FieldOrigL4Src, FieldReplyL4Dst}))
	dstPort := AllOf(Negate(withICMP), Differ{FieldOrigL4Dst, FieldReplyL4Src})
	return map[uint64]Expr{
		natSource: AnyOf(srcAddr, srcPort), natSrcAddr: srcAddr, natSrcPort: srcPort,
		natDest: AnyOf(dstAddr, dstPort), natDstAddr: dstAddr, natDstPort: dstPort,
		natPortOnly: AllOf(Negate(srcAddr), Negate(dstAddr), AnyOf(srcPort, dstPort)),
	}
}()

// Split returns the part of a filter that can run in the kernel, and the rest. pushed reads
// only fields of both tuples that never change. So it selects all messages of a flow or none,
// and a table after it gets every event of its flows. If kinds is true, pushed may also compare
// the kind of event; that is only for streams without a table.
//
// e selects an event exactly if pushed and rest both select it. If e cannot be split at an and,
// pushed is implied by e, and rest is e without the conditions that pushed has decided:
//
//	tcp dport 443 and established     tcp dport 443      established
//	(tcp or mark 1) and udp           udp                tcp or mark 1
//	tcp and mark 1 or udp             tcp or udp         all of it
//
// Lower(pushed) consists of primitives only. A program that cannot find both tuples in a
// message must let it pass.
func Split(e Expr, kinds bool) (pushed, rest Expr) {
	pushable := func(e Expr) bool {
		switch e := e.(type) {
		case Cmp:
			return lowerCmp(e) != nil && (e.Field != FieldEvent || kinds)
		case In:
			return e.Field != FieldEvent || kinds
		case Const, Addr, Prefix, Differ:
			return true
		}
		return false
	}
	// A condition that cannot be pushed becomes the constant that makes the whole select more;
	// below a not, the one that makes it select less.
	pushed = rebuilt(e, true, func(e Expr, wide bool) Expr {
		if pushable(e) {
			return e
		}
		return Const(wide)
	})
	if Every(e, pushable) {
		return pushed, Const(true)
	}
	and, ok := e.(And)
	if !ok {
		return pushed, e
	}
	var left []Expr
	for _, x := range and {
		if !Every(x, pushable) {
			left = append(left, x)
		}
	}
	return pushed, AllOf(left...)
}

// Steady reports whether the result of a filter depends only on what is known of the flow, and
// so stays the same until that changes (table.CachedFilter). The age of a flow is not steady,
// because it grows, nor is the name of its network namespace, which can change. The timeout is
// steady: it is that of the last message.
func Steady(e Expr) bool {
	return Every(e, func(e Expr) bool {
		switch e := e.(type) {
		case Cmp:
			return e.Field != FieldAge
		case Text:
			return e.Field != FieldNetNS && e.Field.info().kind != kindName
		}
		return true // the others compare the tuples, or whether something is known
	})
}
