package history

import "strings"

// Reason says why a translation ended. The numbers stand in files and never change.
type Reason uint8

// The reasons.
const (
	StillOpen    Reason = 0 // it has not ended
	Destroyed    Reason = 1 // the kernel ended it: its timeout ran out, or its protocol closed it (State tells the last state)
	Deleted      Reason = 2 // a process deleted it: conntrack -D, natlens delete
	Replaced     Reason = 3 // its tuple was made again; the message of its end was missed
	Resync       Reason = 4 // gone when the table was reconciled with the kernel's
	CaptureEnded Reason = 5 // gone when capture began again after it had ended in good order
	Restart      Reason = 6 // gone when capture began again after a crash
	NamespaceEnd Reason = 7 // its network namespace ended
)

var reasonNames = [...]string{"open", "destroyed", "deleted", "replaced", "resync", "capture-ended", "restart", "namespace-end"}

// String returns the word that text and JSON use.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// Doubt says what makes a translation uncertain: a set. The numbers stand in
// files and never change.
type Doubt uint8

// The bits of Doubt.
const (
	BeganBefore      Doubt = 1 << iota // capture did not see it begin: it may have begun before Start
	BeganInGap                         // it began at Start or later, at a time nobody watched
	EndedInGap                         // it ended at End or earlier, at a time nobody watched
	TouchedByGap                       // the kernel dropped events while it was open
	TouchedByRestart                   // nobody watched for a part of its life
)

var doubtNames = [...]string{"began-before", "began-in-gap", "ended-in-gap", "gap", "restart"}

// Names returns the words of the bits that are set, lowest first.
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
