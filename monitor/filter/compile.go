package filter

import (
	"encoding/binary"

	"natlens/monitor"
)

// Compile makes a closure of a filter. It allocates nothing when it is called,
// and may be called by several goroutines at once.
func Compile(e Expr, env Env) monitor.Filter { return compile(Lower(e), env) }

func compile(e Expr, env Env) monitor.Filter {
	switch e := e.(type) {
	case Const:
		return func(*monitor.Event) bool { return bool(e) }
	case And:
		return compileAnd(e, env)
	case Or:
		return compileOr(e, env)
	case Not:
		f := compile(e.X, env)
		return func(ev *monitor.Event) bool { return !f(ev) }
	case In:
		return compileIn(e)
	case Prefix:
		return compilePrefix(e)
	case Differ:
		return compileDiffer(e)
	case Cmp:
		return compileCmp(e, env)
	case Text:
		return compileText(e, env)
	case Has:
		return compileHas(e)
	}
	panic("filter: a node that Lower did not leave")
}

func compileAnd(e And, env Env) monitor.Filter {
	if len(e) == 2 {
		a, b := compile(e[0], env), compile(e[1], env)
		return func(ev *monitor.Event) bool { return a(ev) && b(ev) }
	}
	parts := mapped(e, func(x Expr) monitor.Filter { return compile(x, env) })
	return func(ev *monitor.Event) bool {
		for _, f := range parts {
			if !f(ev) {
				return false
			}
		}
		return true
	}
}

func compileOr(e Or, env Env) monitor.Filter {
	if len(e) == 2 {
		a, b := compile(e[0], env), compile(e[1], env)
		return func(ev *monitor.Event) bool { return a(ev) || b(ev) }
	}
	parts := mapped(e, func(x Expr) monitor.Filter { return compile(x, env) })
	return func(ev *monitor.Event) bool {
		for _, f := range parts {
			if f(ev) {
				return true
			}
		}
		return false
	}
}

// compileIn tests a number of the tuples. The commonest questions, for one
// protocol and one port of the original direction, have closures of their own.
func compileIn(e In) monitor.Filter {
	if len(e.Set) == 1 && e.Set[0].Lo == e.Set[0].Hi && e.Mask == noMask {
		switch v := e.Set[0].Lo; e.Field {
		case FieldProto:
			p := monitor.Proto(v)
			return func(ev *monitor.Event) bool { return ev.Flow.Orig.Proto == p }
		case FieldOrigL4Src:
			port := uint16(v)
			return func(ev *monitor.Event) bool { return ev.Flow.Orig.SrcPort == port }
		case FieldOrigL4Dst:
			port := uint16(v)
			return func(ev *monitor.Event) bool { return ev.Flow.Orig.DstPort == port }
		}
	}
	if e.Field == FieldProto && e.Mask == noMask {
		var set [4]uint64
		for p := range uint64(256) {
			if contains(e.Set, p) {
				set[p/64] |= 1 << (p % 64)
			}
		}
		return func(ev *monitor.Event) bool {
			p := ev.Flow.Orig.Proto
			return set[p/64]&(1<<(p%64)) != 0
		}
	}
	get, reply, mask, within := e.Field.info().value, e.Field.inReply(), e.Mask, compileSet(e.Set)
	return func(ev *monitor.Event) bool {
		if reply && ev.Flow.Reply.Family == 0 {
			return false
		}
		return within(get(ev) & mask)
	}
}

// inReply reports whether the field is in the reply tuple.
func (f Field) inReply() bool {
	switch f {
	case FieldReplySrc, FieldReplyDst, FieldReplyL4Src, FieldReplyL4Dst, FieldReplyZone:
		return true
	}
	return false
}

// compilePrefix compares 128 bits under a mask, in two words.
func compilePrefix(e Prefix) monitor.Filter {
	family, n := monitor.IPv6, e.Net.Bits()
	if e.Net.Addr().Is4() {
		family, n = monitor.IPv4, n+96
	}
	want := monitor.AddrFrom(e.Net.Addr())
	hi, lo := words(&want)
	maskHi, maskLo := ^uint64(0), uint64(0)
	if n < 64 {
		maskHi = ^(^uint64(0) >> n)
	} else {
		maskLo = ^(^uint64(0) >> (n - 64))
	}
	hi, lo = hi&maskHi, lo&maskLo
	in := func(t *monitor.Tuple, a *monitor.Addr) bool {
		h, l := words(a)
		return t.Family == family && h&maskHi == hi && l&maskLo == lo
	}
	switch e.Field {
	case FieldOrigSrc:
		return func(ev *monitor.Event) bool { return in(&ev.Flow.Orig, &ev.Flow.Orig.Src) }
	case FieldOrigDst:
		return func(ev *monitor.Event) bool { return in(&ev.Flow.Orig, &ev.Flow.Orig.Dst) }
	case FieldReplySrc:
		return func(ev *monitor.Event) bool { return in(&ev.Flow.Reply, &ev.Flow.Reply.Src) }
	case FieldReplyDst:
		return func(ev *monitor.Event) bool { return in(&ev.Flow.Reply, &ev.Flow.Reply.Dst) }
	}
	panic("filter: no address: " + e.Field.String())
}

func words(a *monitor.Addr) (hi, lo uint64) {
	return binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
}

func compileDiffer(e Differ) monitor.Filter {
	if a, b := tupleAddr(e.A), tupleAddr(e.B); a != nil && b != nil {
		return func(ev *monitor.Event) bool {
			return ev.Flow.Reply.Family != 0 && *a(&ev.Flow) != *b(&ev.Flow)
		}
	}
	a, b := e.A.info().value, e.B.info().value
	return func(ev *monitor.Event) bool { return ev.Flow.Reply.Family != 0 && a(ev) != b(ev) }
}

func tupleAddr(f Field) func(*monitor.Flow) *monitor.Addr {
	switch f {
	case FieldOrigSrc:
		return func(fl *monitor.Flow) *monitor.Addr { return &fl.Orig.Src }
	case FieldOrigDst:
		return func(fl *monitor.Flow) *monitor.Addr { return &fl.Orig.Dst }
	case FieldReplySrc:
		return func(fl *monitor.Flow) *monitor.Addr { return &fl.Reply.Src }
	case FieldReplyDst:
		return func(fl *monitor.Flow) *monitor.Addr { return &fl.Reply.Dst }
	}
	return nil
}
