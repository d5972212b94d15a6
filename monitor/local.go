package monitor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

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

// String returns the text for people, such as "curl[4711] of ann in web, pod shop/web-0" and
// "container web (by address)". Callers escape it.
func (l *Local) String() string {
	var out []string
	of, in := "user ", "container "
	if l.PID != 0 {
		out, of, in = append(out, fmt.Sprintf("%s[%d]", l.Process, l.PID)), "of ", "in "
	}
	if l.User != "" {
		out, in = append(out, of+l.User), "in "
	}
	if l.Container != "" {
		out = append(out, in+l.Container)
	}
	text := strings.Join(out, " ")
	if l.Pod != "" {
		text = strings.TrimPrefix(text+", pod "+l.Pod, ", ")
	}
	if l.Match != MatchExact {
		text += " (by " + l.Match.String() + ")"
	}
	return text
}

// Name returns the shortest name: of the process, else of the container, else of the pod.
func (l *Local) Name() string {
	if l == nil {
		return ""
	}
	return cmp.Or(l.Process, l.Container, l.Pod)
}

// localJSON is a Local in JSON.
type localJSON struct {
	Process   string  `json:"process,omitempty"`
	PID       uint32  `json:"pid,omitempty"`
	UID       *uint32 `json:"uid,omitempty"`
	User      string  `json:"user,omitempty"`
	Container string  `json:"container,omitempty"`
	Pod       string  `json:"pod,omitempty"`
	Match     string  `json:"match"`
}

// MarshalJSON returns the object local of docs/json.md, which every output has. Characters that
// are unsafe in a terminal are written as \u escapes.
func (l *Local) MarshalJSON() ([]byte, error) {
	o := localJSON{l.Process, l.PID, nil, l.User, l.Container, l.Pod, l.Match.String()}
	if l.User != "" {
		o.UID = &l.UID
	}
	return bytes.TrimSpace(JSONLine(o)), nil
}

// maxLocal is the maximum length of all names that UnmarshalJSON accepts.
const maxLocal = 4096

// UnmarshalJSON reads what MarshalJSON returns.
func (l *Local) UnmarshalJSON(data []byte) error {
	var o localJSON
	if err := json.Unmarshal(data, &o); err != nil {
		return err
	}
	match, ok := MatchByName(o.Match)
	if !ok {
		return fmt.Errorf("local.match: %.40q is not exact, listener or address", o.Match)
	}
	if n := len(o.Process) + len(o.User) + len(o.Container) + len(o.Pod); n > maxLocal {
		return fmt.Errorf("local: %d bytes, at most %d are possible", n, maxLocal)
	}
	*l = Local{Process: o.Process, PID: o.PID, Container: o.Container, Pod: o.Pod, Match: match}
	if o.UID != nil {
		l.UID = *o.UID
		l.User = cmp.Or(o.User, strconv.FormatUint(uint64(l.UID), 10))
	}
	return nil
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
