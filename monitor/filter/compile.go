package filter

import (
	"encoding/binary"
	"strings"

	"natlens/monitor"
)

// Compile returns a filter as a function. The function does not allocate, and several
// goroutines may call it at once.
func Compile(e Expr, env Env) monitor.Filter { return compile(Lower(e), env) }

func compile(e Expr, env Env) monitor.Filter {
	switch e := e.(type) {
	case Const:
		return func(*monitor.Event) bool { return bool(e) }
	case And:
		return compileAll(e, env, func(a, b monitor.Filter) monitor.Filter {
			return func(ev *monitor.Event) bool { return a(ev) && b(ev) }
		})
	case Or:
		return compileAll(e, env, func(a, b monitor.Filter) monitor.Filter {
			return func(ev *monitor.Event) bool { return a(ev) || b(ev) }
		})
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
		return knows(e.Field)
	case Match:
		return compileMatch(e, env)
	}
	panic("filter: a node that Lower did not leave")
}

// compileAll joins the parts in pairs.
func compileAll(parts []Expr, env Env, join func(a, b monitor.Filter) monitor.Filter) monitor.Filter {
	if n := len(parts); n > 1 {
		return join(compileAll(parts[:n/2], env, join), compileAll(parts[n/2:], env, join))
	}
	return compile(parts[0], env)
}

// compileIn compares a number of the tuples.
func compileIn(e In) monitor.Filter {
	get, mask, within := e.Field.info().value, e.Mask, compileSet(e.Set)
	reply := strings.HasPrefix(e.Field.String(), "reply.")
	return func(ev *monitor.Event) bool {
		if reply && ev.Flow.Reply.Family == 0 {
			return false
		}
		return within(get(ev) & mask)
	}
}

// compilePrefix compares 128 bits under a mask, in two words.
func compilePrefix(e Prefix) monitor.Filter {
	family, n := monitor.IPv6, e.Net.Bits()
	if e.Net.Addr().Is4() {
		family, n = monitor.IPv4, n+96
	}
	want := monitor.AddrFrom(e.Net.Addr())
	hi, lo := halves(&want)
	maskHi, maskLo := ^uint64(0), uint64(0)
	if n < 64 {
		maskHi = ^(^uint64(0) >> n)
	} else {
		maskLo = ^(^uint64(0) >> (n - 64))
	}
	hi, lo = hi&maskHi, lo&maskLo
	f := e.Field
	return func(ev *monitor.Event) bool {
		t, a := f.addr(&ev.Flow)
		h, l := halves(a)
		return t.Family == family && h&maskHi == hi && l&maskLo == lo
	}
}

func compileDiffer(e Differ) monitor.Filter {
	if e.A.info().kind == kindAddr {
		return func(ev *monitor.Event) bool {
			_, a := e.A.addr(&ev.Flow)
			_, b := e.B.addr(&ev.Flow)
			return ev.Flow.Reply.Family != 0 && *a != *b
		}
	}
	a, b := e.A.info().value, e.B.info().value
	return func(ev *monitor.Event) bool { return ev.Flow.Reply.Family != 0 && a(ev) != b(ev) }
}

// addr returns the address and its tuple.
func (f Field) addr(fl *monitor.Flow) (*monitor.Tuple, *monitor.Addr) {
	switch f {
	case FieldOrigSrc:
		return &fl.Orig, &fl.Orig.Src
	case FieldOrigDst:
		return &fl.Orig, &fl.Orig.Dst
	case FieldReplySrc, FieldNATDst:
		return &fl.Reply, &fl.Reply.Src
	}
	return &fl.Reply, &fl.Reply.Dst
}

func halves(a *monitor.Addr) (hi, lo uint64) {
	return binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
}
