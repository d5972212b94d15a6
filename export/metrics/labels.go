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
	slotOf      = protocolSlots()
	protocols   = protocolNames()
	states      = stateNames()
	established = establishedStates()
)

func protocolSlots() (slots [256]uint8) {
	for i, p := range monitor.Protos {
		slots[p] = uint8(i + 1)
	}
	return slots
}

func protocolNames() (names [protoSlots]string) {
	names[0] = "other"
	for i, p := range monitor.Protos {
		names[i+1] = p.Name()
	}
	return names
}

// stateNames are the values of the label state, "" for unused slots.
func stateNames() (names [protoSlots][stateSlots]string) {
	for slot := range names {
		own := replyStates
		if slot > 0 {
			if n := monitor.StateNames(monitor.Protos[slot-1]); n != nil {
				own = n
			}
		}
		for i, n := range own {
			names[slot][i] = strings.ToLower(n)
		}
		names[slot][stateUnknown] = "unknown"
	}
	return names
}

// establishedStates are the states with which a handshake ends; 0: no handshake.
func establishedStates() (all [protoSlots]monitor.State) {
	all[slotOf[monitor.TCP]] = monitor.TCPEstablished
	all[slotOf[monitor.SCTP]], _ = monitor.StateByName(monitor.SCTP, "ESTABLISHED")
	all[slotOf[monitor.DCCP]], _ = monitor.StateByName(monitor.DCCP, "OPEN")
	return all
}

// stateOf returns the slot of a flow's state.
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
