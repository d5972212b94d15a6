//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/asm"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// Pushdown runs a filter in the ring's program, before a message is copied: what
// nobody wants then costs the reader nothing.
//
// The program does not decode. It checks that the message looks exactly as
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
// stands behind the tuples.

// Push is the plan of what part of a filter runs where.
type Push struct {
	Kernel filter.Expr // what the ring's program applies; a Const true: nothing
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
	if _, err := pushInstructions(pushed, 0); err != nil {
		return Push{filter.Const(true), e, err.Error()}
	}
	return Push{pushed, rest, ""}
}

// maxPush is the most instructions of a filter: the verifier looks at each of
// them for each way that leads there.
const maxPush = 3000

var errPushLong = errors.New("the filter is too long for the kernel")

// pushInstructions assembles what stands before the rest of the ring's program:
// it goes on to "take" with what is wanted or not understood, and to "out" with
// what is left out. Without a filter it is empty.
func pushInstructions(e filter.Expr, counters int) (asm.Instructions, error) {
	if e == nil {
		return nil, nil
	}
	e, err := foldPush(filter.Lower(e))
	if err != nil {
		return nil, err
	}
	if e == filter.Const(true) {
		return nil, nil
	}
	m := &matcher{next: "filter"}
	m.match(e, "take", "leave")
	if len(m.ins) > maxPush {
		return nil, errPushLong
	}
	return slices.Concat(pushHeader(), pushTuple(origTuple), pushTuple(replyTuple), pushZone(),
		m.ins, pushRest(), pushLeave(counters)), nil
}

// pushLeave counts a message that is left out, in this CPU's line of the
// counters, and ends the program.
func pushLeave(counters int) asm.Instructions {
	return asm.Instructions{
		asm.FnGetSmpProcessorId.Call().WithSymbol("counted"),
		asm.And.Imm(asm.R0, counterCPUs-1),
		asm.Mul.Imm(asm.R0, counterLine),
		asm.LoadMapValue(asm.R1, counters, counterLeft),
		asm.Add.Reg(asm.R1, asm.R0),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
		asm.Ja.Label("out"),
	}
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
