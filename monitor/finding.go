package monitor

import "encoding/json"

// Finding is something that is wrong with the traffic or with NAT, seen in the
// table and in the stream by a rule (package findings). It is a value that the
// caller may keep; its slices are not changed by anyone.
type Finding struct {
	Rule     string // its id, which never changes its meaning: syn-unanswered
	Severity Severity
	Subject  string    // what it is about: 203.0.113.66:443. Rule and Subject name a finding
	Text     string    // a line for people, with the figures
	Why      string    // what it usually comes of
	Flows    uint64    // flows that Filter selected when it was last seen; 0: the rule is about a rate
	Figures  []Figure  // what is behind Text, in a fixed order
	Examples []FlowRef // a few flows of the evidence
	Filter   string    // selects the flows of the evidence
	Command  string    // for a shell: what shows or mends it
	Since    Time      // when it appeared
	Seen     Time      // when it was last seen
	Cleared  Time      // when it ended; 0: still active
	Seq      uint64    // number of its last change; set by the loop
	NetNS    NetNS     // the network namespace of its flows; 0: there is one only
}

// Figure is a named number.
type Figure struct {
	Name  string
	Value float64
}

// FlowRef names a row of a table, for [Table.Get].
type FlowRef struct {
	Row  uint32
	Gen  uint64
	Orig Tuple
}

// Severity says how grave a finding is.
type Severity uint8

// The severities.
const (
	SeverityInfo Severity = iota // worth knowing
	SeverityWarn                 // some connections fail, or soon will
	SeverityFail                 // connections fail now
)

// String returns the word that JSON uses: info, warn, fail.
func (s Severity) String() string { return name(s, []string{"info", "warn", "fail"}, "fail") }

// MarshalText makes the word what JSON shows.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// FindingSink is a [Sink] that writes findings too. The loop calls Finding
// between two batches: once when a finding appears, and once when it is gone.
type FindingSink interface {
	Sink
	Finding(*Finding) error
}

// Rules search for findings. The loop calls the methods, from its one goroutine.
type Rules interface {
	// Observe sees every batch after the table, before the filter. It leaves
	// the batch as it is and keeps nothing of it.
	Observe(b *Batch)

	// Tick is called every tenth of a second, also when no events come. It returns
	// what has appeared or is gone since the last call, each once; the slice is
	// good until the next call.
	Tick(now Time) []Finding

	// Finish is called at the end of a recording. It returns what Tick would.
	Finish(now Time) []Finding
}

// MarshalFigures returns the figures as a JSON object in their order.
func MarshalFigures(figures []Figure) []byte {
	b := []byte{'{'}
	for i, f := range figures {
		if i > 0 {
			b = append(b, ',')
		}
		name, _ := json.Marshal(f.Name)
		value, err := json.Marshal(f.Value)
		if err != nil { // NaN and the infinities, which JSON has no word for
			value = []byte("null")
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}')
}
