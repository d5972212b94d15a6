package monitor

// Local is the process or container of this host that a flow belongs to. It is looked up
// beside the kernel's message. It is never changed once made, so events may share it.
type Local struct {
	Process   string // untrusted text; "" unknown
	PID       uint32 // 0 unknown
	UID       uint32 // owner of the socket; valid with User only
	User      string // name of UID, or its digits; "" unknown
	Container string // its name, or else 12 digits of its id; untrusted text; "" none or unknown
	Pod       string // namespace/name; untrusted text; "" none or unknown
	Match     Match
}

// Match says how a flow was joined to its Local.
type Match uint8

// The ways, the surest first.
const (
	MatchNone     Match = iota
	MatchExact          // the socket has the addresses and ports of the flow
	MatchListener       // the socket is bound to the local address and port, and may be shared
	MatchAddress        // an end of the flow is an address of the container
)

var matchNames = []string{"none", "exact", "listener", "address"}

// String returns exact, listener, address or none.
func (m Match) String() string { return name(m, matchNames, "none") }

// MatchByName returns the way with that name.
func MatchByName(text string) (m Match, ok bool) {
	n := byName(matchNames, text)
	return Match(max(n, 0)), n > 0
}
