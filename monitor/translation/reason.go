package translation

import "strings"

// Reason says why a translation ended. Files contain the numbers; they never
// change.
type Reason uint8

// The reasons.
const (
	StillOpen    Reason = 0 // it has not ended
	Destroyed    Reason = 1 // the kernel ended it by timeout or by its protocol; State has the last state
	Deleted      Reason = 2 // a process deleted it: conntrack -D, natlens delete
	Replaced     Reason = 3 // another flow has its tuple; its DESTROY was missed
	Resync       Reason = 4 // it was missing when the table was compared with the kernel's
	CaptureEnded Reason = 5 // it was missing when capture started again after an orderly end
	Restart      Reason = 6 // it was missing when capture started again after a crash
	NamespaceEnd Reason = 7 // its network namespace ended
)

var reasonNames = [...]string{
	"open", "destroyed", "deleted", "replaced", "resync", "capture-ended", "restart", "namespace-end",
}

// String returns the word of text and JSON.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// Doubt says what makes a translation uncertain: a set of the bits below. Files
// contain the numbers; they never change.
type Doubt uint8

// The bits of Doubt.
const (
	BeganBefore      Doubt = 1 << iota // it began before the capture, at Start or earlier
	BeganInGap                         // it began at Start or later, while nothing was captured
	EndedInGap                         // it ended at End or earlier, while nothing was captured
	TouchedByGap                       // the kernel dropped events while it was open
	TouchedByRestart                   // capture was not running for a part of its life
)

var doubtNames = [...]string{"began-before", "began-in-gap", "ended-in-gap", "gap", "restart"}

// Names returns the words of the bits that are set, lowest bit first.
func (d Doubt) Names() []string {
	var names []string
	for i, name := range doubtNames {
		if d&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String returns the words, joined by +.
func (d Doubt) String() string { return strings.Join(d.Names(), "+") }
