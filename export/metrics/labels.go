//go:build !nometrics

package metrics

import (
	"strings"

	"natlens/monitor"
)

// protoSlots is the size of arrays by protocol: 0 is any protocol without a name, then
// follow monitor.Protos.
const protoSlots = 9

// stateSlots is the size of arrays by state: ten states of a protocol, or three by
// replies, and unknown.
const (
	stateSlots   = 11
	stateUnknown = stateSlots - 1
)

// The states by status bits, of protocols without states in the kernel.
const (
	unreplied = iota
	replied
	assured
)

var replyStates = []string{unreplied: "unreplied", replied: "replied", assured: "assured"}

var (
	slotOf    [256]uint8 // by protocol
	protocols = [protoSlots]string{"other"}

	// states are the values of the label state, "" for unused slots.
	states [protoSlots][stateSlots]string
)

func init() {
	for slot := range states {
		own := replyStates
		if slot > 0 {
			p := monitor.Protos[slot-1]
			slotOf[p], protocols[slot] = uint8(slot), p.Name()
			if n := monitor.StateNames(p); n != nil {
				own = n
			}
		}
		for i, n := range own {
			states[slot][i] = strings.ToLower(n)
		}
		states[slot][stateUnknown] = "unknown"
	}
}

func stateOf(f *monitor.Flow, known monitor.Attrs) int {
	if f.Orig.Proto.HasState() {
		if known&monitor.AttrState == 0 || f.State >= stateUnknown {
			return stateUnknown
		}
		return int(f.State)
	}
	switch {
	case known&monitor.AttrStatus == 0:
		return stateUnknown
	case f.Status&monitor.Assured != 0:
		return assured
	case f.Status&monitor.SeenReply != 0:
		return replied
	}
	return unreplied
}

// usual reports whether a series starts at 0, because every gateway has it. Others begin
// with their first event.
func usual(slot, state int) bool {
	switch p := protocols[slot]; p {
	case "tcp", "udp", "icmp", "icmpv6":
		return state != stateUnknown && states[slot][state] != "" && states[slot][state] != "none"
	}
	return false
}
