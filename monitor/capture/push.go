//go:build linux

package capture

import (
	"cmp"
	"errors"
	"fmt"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// A filter that is pushed down runs in the kernel, before a message is queued, so
// that events nobody wants cost the reader nothing. The ring's program applies it,
// or without a ring a classic BPF program on the socket.
//
// Neither decodes. The program checks that the message is exactly as
// ctnetlink_conntrack_event() writes it (net/netfilter/nf_conntrack_netlink.c),
// reads the fields from where they then are, and compares them:
//
//	nlmsghdr ─▶ original tuple ─▶ reply tuple ─▶ zone ─▶ filter ─▶ the rest ─▶ left out
//	    │             │                │           │        │          │
//	    └─────────────┴────────────────┴───────────┴────────┴──────────┴─────▶ taken
//
// A message of any other shape is taken, and the reader decides. The rest of the
// attributes is checked before a message is left out: a second tuple or zone, which
// the decoder would use instead, makes it taken too. So a message that is left out
// is an event that the filter does not want, or is malformed behind its tuples, or,
// by socket, is not the kernel's.

// Push says which part of a filter runs where.
type Push struct {
	Kernel filter.Expr // what the kernel applies, by ring and by socket alike; a Const true: nothing
	Reader filter.Expr // what is left to apply to the events that come
	Why    string      // why nothing runs in the kernel, though something could; else ""
}

// ExplainPush plans a filter. kinds says whether conditions on the kind of event may
// be pushed: only for streams without a table, which needs all events of its flows.
//
// Config.Push should be Kernel. To apply the whole filter to the events that come is
// always right as well.
func ExplainPush(e filter.Expr, kinds bool) Push {
	pushed, rest := filter.Split(e, kinds)
	_, ring := ringFilter(pushed, 0)
	_, socket := classicFilter(pushed)
	if err := cmp.Or(ring, socket); err != nil {
		return Push{filter.Const(true), e, err.Error()}
	}
	return Push{pushed, rest, ""}
}

var errPushLong = errors.New("the filter is too long for the kernel")

// pushProgram returns the program of a filter, which ends with a jump to "take" or
// to "leave"; nil if the filter wants everything.
func pushProgram(e filter.Expr) (*program, error) {
	if e == nil {
		return nil, nil
	}
	e, err := foldPush(filter.Lower(e))
	if err != nil || e == filter.Const(true) {
		return nil, err
	}
	p := &program{}
	p.message()
	p.label("filter")
	p.match(e, "take", "leave")
	return p, nil
}

// foldPush removes constants, so that every jump of the program can be taken, and
// refuses conditions that are no primitives.
func foldPush(e filter.Expr) (filter.Expr, error) {
	switch e := e.(type) {
	case filter.And:
		parts, err := foldAll(e)
		return filter.AllOf(parts...), err
	case filter.Or:
		parts, err := foldAll(e)
		return filter.AnyOf(parts...), err
	case filter.Not:
		x, err := foldPush(e.X)
		if err != nil {
			return nil, err
		}
		return filter.Negate(x), nil
	case filter.In:
		if _, ok := numberOf[e.Field]; ok {
			if len(pushRanges(e)) == 0 {
				return filter.Const(false), nil
			}
			return e, nil
		}
	case filter.Prefix:
		if _, ok := addressOf(e.Field, monitor.IPv4); ok {
			return e, nil
		}
	case filter.Differ:
		_, a := numberOf[e.A]
		_, b := numberOf[e.B]
		_, c := addressOf(e.A, monitor.IPv4)
		_, d := addressOf(e.B, monitor.IPv4)
		if a && b || c && d {
			return e, nil
		}
	case filter.Const:
		return e, nil
	}
	return nil, fmt.Errorf("%v can't run in the kernel", e)
}

func foldAll(parts []filter.Expr) ([]filter.Expr, error) {
	out := make([]filter.Expr, len(parts))
	for i, x := range parts {
		var err error
		if out[i], err = foldPush(x); err != nil {
			return nil, err
		}
	}
	return out, nil
}
