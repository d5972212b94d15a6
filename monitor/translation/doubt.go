package translation

import (
	"cmp"
	"slices"

	"natlens/monitor"
)

// Gap is a time in which events were missed, or whose translations were not
// kept.
type Gap struct {
	From, To monitor.Time
	Cause    GapCause

	// Count depends on Cause. Lost: events. Restarted: flows that were open
	// when capture ended. Unwritten and Removed: translations. ClockSet: 0.
	Count   uint64
	AtLeast bool // the exact count is not known

	Namespace string // network namespace that lost events; "": all that were captured
	Number    uint64 // number of the flow that opened last before the gap; only with Lost and ClockSet
}

// GapCause says why there is a gap. Files contain the numbers; they never
// change.
type GapCause uint8

// The causes.
const (
	Lost      GapCause = 1 // the kernel dropped events
	Restarted GapCause = 2 // no capture was running
	Unwritten GapCause = 3 // the disk was full for longer than memory lasted
	Removed   GapCause = 4 // a file of the history was removed, not by retention
	ClockSet  GapCause = 5 // the system's time was set, so these times are wrong or were skipped
)

var causeNames = [...]string{
	0: "unknown", Lost: "lost", Restarted: "restart", Unwritten: "unwritten", Removed: "removed", ClockSet: "clock",
}

// String returns the word of text and JSON.
func (c GapCause) String() string { return nameOf(causeNames[:], uint8(c)) }

func nameOf(names []string, n uint8) string {
	if int(n) < len(names) {
		return names[n]
	}
	return "unknown"
}

// Overlapping returns the gaps that can hide answers to the query, in the order
// of their beginnings.
func Overlapping(gaps []Gap, q *Query) []Gap {
	var within []Gap
	for _, g := range gaps {
		if q.Concerns(&g) {
			within = append(within, g)
		}
	}
	slices.SortStableFunc(within, func(a, b Gap) int { return cmp.Compare(a.From, b.From) })
	return within
}

// JoinGaps joins the last gaps, so that at most most are left.
func JoinGaps(gaps []Gap, most int) []Gap {
	for i := most; i < len(gaps); i++ {
		gaps[most-1].join(&gaps[i])
	}
	return gaps[:min(len(gaps), most)]
}

func (g *Gap) join(next *Gap) {
	g.From, g.To = min(g.From, next.From), max(g.To, next.To)
	g.AtLeast = g.AtLeast || next.AtLeast || next.Cause != g.Cause
	g.Count += next.Count
	g.Number = max(g.Number, next.Number)
	if g.Namespace != next.Namespace {
		g.Namespace = ""
	}
}

// Include extends an Unwritten gap to the life of a translation that was not
// kept, and counts it.
func (g *Gap) Include(t *Translation) {
	if g.Count == 0 {
		*g = Gap{From: t.Start, Cause: Unwritten}
	}
	g.From, g.To = min(g.From, t.Start), max(g.To, t.End)
	g.Count++
}

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
func (r Reason) String() string { return nameOf(reasonNames[:], uint8(r)) }

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
