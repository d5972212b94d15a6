package monitor

import "encoding/json"

// Finding is a problem of the traffic or of NAT that a rule (package findings) found in the
// table and the events. The caller may keep it: nothing changes its slices.
type Finding struct {
	Rule     string // id of the rule, such as syn-unanswered; its meaning never changes
	Severity Severity
	Subject  string    // such as 203.0.113.66:443. Rule and Subject identify the finding
	Text     string    // a line for people, with the figures
	Why      string    // the usual cause and the remedy
	Flows    uint64    // how many flows Filter selected at Seen; 0: the rule counts a rate
	Figures  []Figure  // the numbers of Text, in a fixed order
	Examples []FlowRef // a few of the affected flows
	Filter   string    // selects the affected flows
	Command  string    // shell command that shows or fixes the problem
	Since    Time      // when it appeared
	Seen     Time      // when it was last seen
	Cleared  Time      // when it ended; 0: still active
	Seq      uint64    // number of its last change; set by the loop
	NetNS    NetNS     // network namespace of the flows; 0: only one is watched
}

// Figure is a named number.
type Figure struct {
	Name  string
	Value float64
}

// FlowRef identifies a row of a table, for [Table.Get].
type FlowRef struct {
	Row  uint32
	Gen  uint64
	Orig Tuple
}

// Severity says how bad a finding is.
type Severity uint8

// The severities.
const (
	SeverityInfo Severity = iota // no connection fails
	SeverityWarn                 // some connections fail, or soon will
	SeverityFail                 // connections fail now
)

// String returns the word that JSON uses: info, warn, fail.
func (s Severity) String() string { return name(s, []string{"info", "warn", "fail"}, "fail") }

// MarshalText makes the word what JSON shows.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// FindingSink is a [Sink] that also writes findings. The loop calls Finding between two
// batches: once when a finding appears, and once when it is cleared.
type FindingSink interface {
	Sink
	Finding(*Finding) error
}

// Rules search for findings. The loop calls the methods from one goroutine.
type Rules interface {
	// Observe gets every batch after the table and before the filter. It must not change or
	// retain the batch.
	Observe(b *Batch)

	// Tick is called every tenth of a second, even if no events come. It returns the findings
	// that appeared or were cleared since the last call. The slice is valid until the next
	// call.
	Tick(now Time) []Finding

	// Finish is called at the end of a recording. It returns the same as Tick.
	Finish(now Time) []Finding
}

// MarshalFigures returns the figures as a JSON object, in their order.
func MarshalFigures(figures []Figure) []byte {
	b := []byte{'{'}
	for i, f := range figures {
		if i > 0 {
			b = append(b, ',')
		}
		name, _ := json.Marshal(f.Name)
		value, err := json.Marshal(f.Value)
		if err != nil { // JSON has no NaN and no infinities
			value = []byte("null")
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}')
}
