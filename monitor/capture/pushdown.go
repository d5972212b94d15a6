//go:build linux

package capture

import (
	"cmp"
	"errors"
	"fmt"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// Pushdown runs a filter in the kernel, before a message is queued: what nobody
// wants then costs the reader nothing. With a ring the ring's program does it, by
// socket a classic BPF program that is attached to it.
//
// Neither decodes. It checks that the message looks exactly as
// ctnetlink_conntrack_event() writes it (net/netfilter/nf_conntrack_netlink.c),
// picks the fields from where they then are, and runs the filter on them:
//
//	nlmsghdr ─▶ original tuple ─▶ reply tuple ─▶ zone ─▶ filter ─▶ the rest ─▶ left out
//	    │             │                │           │        │          │
//	    └─────────────┴────────────────┴───────────┴────────┴──────────┴─────▶ passed
//
// Whatever does not look so is passed on, for the reader to decide. The rest of
// the attributes is looked over before a message is left out: a tuple or a zone
// that comes a second time, which the decoder would take, passes it too. So a
// message that is left out is one that the reader would have decoded to an
// event that the filter does not want, or would have called malformed for what
// stands behind the tuples, or, by socket, refused for its sender.

// Push is the plan of what part of a filter runs where.
type Push struct {
	Kernel filter.Expr // what the kernel applies, by ring and by socket alike; a Const true: nothing
	Reader filter.Expr // what is left to apply to the events that come
	Why    string      // why nothing runs in the kernel, though something could; else ""
}

// ExplainPush plans a filter for a capture by ring. kinds says whether conditions
// on the kind of event may be pushed: for streams without a table, which needs
// all the events of the flows that it keeps.
//
// Kernel is what Config.Push wants to be. To apply the whole filter to the events
// that come is always right as well.
func ExplainPush(e filter.Expr, kinds bool) Push {
	pushed, rest := filter.Split(e, kinds)
	_, ring := pushInstructions(pushed, 0)
	_, socket := classicFilter(pushed)
	if err := cmp.Or(ring, socket); err != nil {
		return Push{filter.Const(true), e, err.Error()}
	}
	return Push{pushed, rest, ""}
}

// errPushLong is about either program; the longest of each are about as long.
var errPushLong = errors.New("the filter is too long for the kernel")

// pushTests compiles a filter to tests that go to "take" or to "leave". Without a
// filter there are none.
func pushTests(e filter.Expr) ([]pushTest, error) {
	if e == nil {
		return nil, nil
	}
	e, err := foldPush(filter.Lower(e))
	if err != nil || e == filter.Const(true) {
		return nil, err
	}
	m := &matcher{next: "filter"}
	m.match(e, "take", "leave")
	return m.tests, nil
}

// foldPush takes constants out, so that every jump of the program can be taken,
// and refuses nodes that are no primitives.
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
		if _, ok := numberSlots[e.Field]; ok {
			if len(pushRanges(e)) == 0 {
				return filter.Const(false), nil
			}
			return e, nil
		}
	case filter.Prefix:
		if _, ok := addressSlot(e.Field, monitor.IPv4); ok {
			return e, nil
		}
	case filter.Differ:
		_, a := numberSlots[e.A]
		_, b := numberSlots[e.B]
		_, c := addressSlot(e.A, monitor.IPv4)
		_, d := addressSlot(e.B, monitor.IPv4)
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
