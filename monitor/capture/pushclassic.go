//go:build linux

package capture

import (
	"golang.org/x/net/bpf"

	"natlens/monitor/filter"
)

// The results of a classic program: bytes of the message to keep.
const (
	classicTake  = ^uint32(0)
	classicLeave = 0
)

// classicFilter assembles a program for a socket without a ring (SO_ATTACH_FILTER),
// which takes no capability. The kernel runs it before it checks the socket's
// queue: what it leaves out does not fill the queue and is never lost. It cannot count.
// Without a filter it is empty.
func classicFilter(e filter.Expr) ([]bpf.RawInstruction, error) {
	p, err := pushProgram(e)
	if err != nil || p == nil {
		return nil, err
	}
	p.label("leave")
	for _, typ := range []uint32{attrTupleOrig, attrTupleReply, attrZone} {
		// The kernel finds attributes as the decoder does: it stops at one that
		// contradicts the message's length, where the message is malformed.
		p.do(bpf.LoadConstant{Dst: bpf.RegX, Val: typ}, recall(scratchAt), bpf.LoadExtension{Num: bpf.ExtNetlinkAttr})
		p.want(0)
	}
	p.do(bpf.RetConstant{Val: classicLeave})
	p.label("take")
	p.do(bpf.RetConstant{Val: classicTake})
	return p.assemble()
}
