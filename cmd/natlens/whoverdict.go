package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/human"
)

// verdict is what who concludes from all that it found.
type verdict struct {
	q       history.Query
	res     history.Result
	answers int
	late    int // of these, open when the capture ended, before the time that is asked for
	covered cover
	live    bool // the table was asked: it knows of one moment
	foreign bool // nothing is known of the namespace that is asked for
}

// cover says how much of the asked time is known.
type cover uint8

const (
	coveredWhole  cover = iota
	coveredPartly       // its beginning or its end is not
	coveredNot          // nothing of it
)

var coverNames = [...]string{"whole", "part", "none"}

func newVerdict(q history.Query, res history.Result, late int) *verdict {
	v := &verdict{q: q, res: res, answers: res.Answers, late: late}
	end := res.Ended
	v.foreign = q.Namespace != "" && v.answers == 0 && !slices.Contains(res.Namespaces, q.Namespace)
	switch {
	case v.foreign,
		res.Began == 0 && res.Ended == 0,
		q.To != 0 && q.To < res.Began,
		!res.Live && q.From > end:
		v.covered = coveredNot
	case q.From != 0 && q.From < res.Began,
		!res.Live && q.To > end:
		v.covered = coveredPartly
	}
	return v
}

// word is the answer in one word, as JSON has it.
func (v *verdict) word() string {
	switch {
	case v.answers > v.late:
		return "found"
	case v.covered == coveredNot:
		return "not-covered"
	}
	return "nobody"
}

// whole reports whether nothing is missing of what was asked for.
func (v *verdict) whole() bool {
	return v.covered == coveredWhole && len(v.res.Gaps) == 0 && len(v.res.Faults) == 0
}

// lines says it for people: who, what speaks against it, and from where it is
// known. hosts are the inside hosts, doubtful how many answers are uncertain.
func (v *verdict) lines(hosts []string, more bool, doubtful int, name string, clock clockText) (lines []string) {
	switch {
	case v.answers > 0:
		lines = append(lines, v.foundLine(hosts, more, doubtful))
	case v.live:
		lines = append(lines, "Nobody.")
	case v.covered != coveredNot:
		text := "Nobody, as far as was seen"
		if v.whole() {
			text += ", and there was no gap"
		}
		lines = append(lines, text+".")
	}
	if line := v.coverLine(name, clock); line != "" {
		lines = append(lines, line)
	}
	lines = append(lines, v.gapLines(clock)...)
	if n := len(v.res.Faults); n > 0 {
		lines = append(lines, fmt.Sprintf("%s could not be read: what stands there is missing.", human.Plural(n, "file")))
	}
	return lines
}

func (v *verdict) foundLine(hosts []string, more bool, doubtful int) string {
	var text string
	switch {
	case more:
		text = fmt.Sprintf("More than %d inside hosts", len(hosts))
	case len(hosts) == 1:
		text = hosts[0]
	case len(hosts) <= 4:
		text = fmt.Sprintf("%d inside hosts (%s)", len(hosts), strings.Join(hosts, ", "))
	default:
		text = fmt.Sprintf("%d inside hosts", len(hosts))
	}
	text += ", " + human.Plural(v.answers, "translation")
	switch {
	case v.q.Limit > 0 && v.answers >= v.q.Limit:
		text += " (--limit)"
	}
	switch doubtful {
	case 0:
		text += ", none uncertain"
	case v.answers:
		text += ", uncertain"
	default:
		text += fmt.Sprintf(", %d uncertain", doubtful)
	}
	return text + "."
}

// coverLine says what is known at all.
func (v *verdict) coverLine(name string, clock clockText) string {
	from, to := clock.time(v.res.Began), clock.time(v.res.Ended)
	if v.res.Live && !v.live {
		to = "now"
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	switch {
	case v.res.Began == 0 && v.res.Ended == 0:
		return "Not covered: " + strings.ToLower(name[:1]) + name[1:] + " is empty."
	case v.foreign:
		return "Not covered: " + strings.ToLower(name[:1]) + name[1:] + " has nothing of a network namespace " + monitor.Escape(v.q.Namespace) + v.namespacesText() + "."
	case v.covered == coveredNot && v.q.To != 0 && v.q.To < v.res.Began:
		return "Not covered: " + strings.ToLower(name[:1]) + name[1:] + " begins " + from + "."
	case v.covered == coveredNot:
		return "Not covered: " + strings.ToLower(name[:1]) + name[1:] + " ends " + to + "."
	case v.live:
		return name + " as it was at " + to + "."
	case v.res.Began == 0:
		return name + " ends " + to + "; when it begins could not be read."
	case v.res.Ended == 0 && !v.res.Live:
		return name + " begins " + from + "; when it ends could not be read."
	case v.covered == coveredPartly:
		return name + " covers a part of that time only: " + from + " to " + to + "."
	}
	return name + " covers " + from + " to " + to + "."
}

// namespacesTold is how many namespaces are told.
const namespacesTold = 8

// namespacesText says which namespaces there are, in the middle of a sentence.
func (v *verdict) namespacesText() string {
	names := v.res.Namespaces
	if len(names) == 0 {
		return ""
	}
	text := ", but of " + strings.Join(escaped(names[:min(len(names), namespacesTold)]), ", ")
	if n := len(names) - namespacesTold; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// escaped makes texts from files harmless.
func escaped(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = monitor.Escape(text)
	}
	return out
}

// gapsTold is how many gaps are told one by one.
const gapsTold = 5

func (v *verdict) gapLines(clock clockText) (lines []string) {
	gaps := slices.Clone(v.res.Gaps)
	slices.SortFunc(gaps, func(a, b history.Gap) int { return int(min(max(a.From-b.From, -1), 1)) })
	for _, g := range gaps[:min(len(gaps), gapsTold)] {
		lines = append(lines, "Uncertain: "+gapText(g, clock)+".")
	}
	if n := len(gaps) - gapsTold; n > 0 {
		lines = append(lines, fmt.Sprintf("Uncertain: %s more like these.", human.Plural(n, "gap")))
	}
	return lines
}

// gapText says what a gap is in the middle of a sentence.
func gapText(g history.Gap, clock clockText) string {
	count := human.Count(g.Count)
	if g.AtLeast {
		count = "at least " + count
	}
	between := "between " + clock.time(g.From) + " and " + clock.time(g.To)
	if g.Namespace != "" {
		between += " in " + monitor.Escape(g.Namespace)
	}
	switch g.Cause {
	case history.Lost:
		return count + " events were lost " + between
	case history.Unwritten:
		return count + " translations could not be kept " + between
	case history.Removed:
		return "a file was taken away with " + count + " translations that ended " + between
	}
	return "nothing was captured " + between
}

// clockText writes times for people.
type clockText struct{ loc *time.Location }

// zone is what the zone is called at that time.
func (c clockText) zone(t monitor.Time) string { return t.Time().In(c.loc).Format("MST") }

// time is date and time of day with milliseconds.
func (c clockText) time(t monitor.Time) string {
	return t.Time().In(c.loc).Format("2006-01-02 15:04:05.000")
}
