package monitor

// State is the connection state of a flow, in the numbering of its protocol (enum
// tcp_conntrack, sctp_conntrack, ct_dccp_states). It has a meaning only together with the
// protocol.
type State uint8

// The TCP states (enum tcp_conntrack).
const (
	TCPNone State = iota
	TCPSynSent
	TCPSynRecv
	TCPEstablished
	TCPFinWait
	TCPCloseWait
	TCPLastAck
	TCPTimeWait
	TCPClose
	TCPSynSent2
)

var stateNames = [256][]string{
	TCP: {"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",
		"SYN_SENT2"},
	SCTP: {"NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECD",
		"SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT", "HEARTBEAT_ACKED"},
	DCCP: {"NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT", "IGNORE", "INVALID"},
}

// StateNames returns the kernel's names of the protocol's states, by number, and
// nil for a protocol without states. The caller must not change it.
func StateNames(p Proto) []string { return stateNames[p] }

// Name returns the kernel's name of the state, in capital letters as
// conntrack(8) prints it, and "" for a number that it does not know.
func (s State) Name(p Proto) string { return name(s, StateNames(p), "") }

// StateByName returns the number of a protocol's state by its name (any case).
func StateByName(p Proto, name string) (State, bool) {
	i := byName(StateNames(p), name)
	return State(max(i, 0)), i >= 0
}
