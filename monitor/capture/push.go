//go:build linux

package capture

import (
	"cmp"

	"natlens/monitor/filter"
)

// A filter that is pushed down runs in the kernel, before a message is queued, so
// that unwanted events cost the reader nothing. The ring's program applies it,
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
// is an unwanted event, or is malformed behind its tuples, or is not the kernel's.

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
