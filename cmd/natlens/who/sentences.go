package who

import (
	"fmt"
	"strings"

	"natlens/monitor/human"
	"natlens/monitor/translation"
)

// sentences returns a verdict in sentences: who it was, how complete that is, and why it is
// uncertain. place is the name of what was searched.
func (p *answers) sentences(v *translation.Verdict, place string) (lines []string) {
	r := &v.Result
	switch {
	case r.Answers > 0:
		lines = append(lines, p.foundText(v))
	case v.Word == translation.NotCovered:
	case v.Complete():
		lines = append(lines, "No translation found. Capture was complete for that time.")
	default:
		lines = append(lines, "No translation found.")
	}
	lines = append(lines, p.coverText(v, place))
	lines = append(lines, p.gapTexts(r.Gaps)...)
	switch n := len(r.Faults); {
	case n > 0 && r.Live && r.Began == r.Ended: // a table
		lines = append(lines, "Not every network namespace could be read: translations may be missing.")
	case n > 0:
		lines = append(lines, human.Plural(n, "file")+" could not be read: translations may be missing.")
	}
	return lines
}

func (p *answers) foundText(v *translation.Verdict) string {
	text := "Held by "
	if v.Word != translation.Found {
		text = "Open when capture ended: held by "
	}
	hosts := human.Plural(len(p.hosts), "inside host")
	switch n := len(p.hosts); {
	case p.moreHosts:
		hosts = "more than " + hosts
	case n == 1:
		hosts = p.hosts[0]
	case n <= 4:
		hosts += " (" + strings.Join(p.hosts, ", ") + ")"
	}
	r := &v.Result
	text += hosts
	if r.More {
		text += ", and perhaps others: the first " + human.Plural(r.Answers, "translation")
	} else {
		text += ": " + human.Plural(r.Answers, "translation")
	}
	switch p.uncertain {
	case 0:
		text += ", none uncertain"
	case r.Answers:
		text += ", uncertain"
	default:
		text += fmt.Sprintf(", %d uncertain", p.uncertain)
	}
	if r.More {
		text += "; --limit ended the search"
	}
	return text + "."
}

// coverText returns which time is covered.
func (p *answers) coverText(v *translation.Verdict, place string) string {
	r := &v.Result
	from, to := p.moment(r.Began), p.moment(r.Ended)
	moment := r.Live && r.Began == r.Ended // a table
	if r.Live {
		to = "now"
	}
	upper := strings.ToUpper(place[:1]) + place[1:]
	switch {
	case r.Began == 0 && r.Ended == 0:
		return "Not covered: " + place + " is empty."
	case v.Foreign:
		unknown := v.Query.Namespace + namesText(r.Namespaces)
		return "Not covered: " + place + " has no network namespace " + unknown + "."
	case v.Covered == translation.None && v.Query.Until != 0 && v.Query.Until < r.Began:
		return "Not covered: " + place + " begins " + from + "."
	case v.Covered == translation.None:
		return "Not covered: " + place + " ends " + to + "."
	case moment:
		return upper + " as it was at " + p.moment(r.Ended) + "."
	case v.Covered == translation.Part:
		return upper + " covers only a part of that time: " + from + " to " + to + "."
	}
	return upper + " covers " + from + " to " + to + "."
}

// maxNames is the maximum number of network namespaces that are named.
const maxNames = 8

// namesText lists the known network namespaces, in the middle of a sentence.
func namesText(names []string) string {
	if len(names) == 0 {
		return ""
	}
	text := ", but " + strings.Join(names[:min(len(names), maxNames)], ", ")
	if n := len(names) - maxNames; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// maxGaps is how many gaps are printed one by one.
const maxGaps = 5

func (p *answers) gapTexts(gaps []translation.Gap) (lines []string) {
	for _, g := range gaps[:min(len(gaps), maxGaps)] {
		lines = append(lines, "Uncertain: "+p.gapText(g)+".")
	}
	if n := len(gaps) - maxGaps; n > 0 {
		lines = append(lines, "Uncertain: "+human.Plural(n, "gap")+" more.")
	}
	return lines
}

// gapText describes a gap, in the middle of a sentence.
func (p *answers) gapText(g translation.Gap) string {
	count := human.Count(g.Count)
	if g.AtLeast {
		count = "at least " + count
	}
	between := "between " + p.moment(g.From) + " and " + p.moment(g.To)
	if g.Namespace != "" {
		between += " in " + g.Namespace
	}
	switch g.Cause {
	case translation.Lost:
		return count + " events were lost " + between
	case translation.Unwritten:
		return count + " translations could not be written " + between
	case translation.ClockSet:
		return "the clock was set " + between
	case translation.Removed:
		return "a file was removed, with " + count + " translations that ended " + between
	}
	return "nothing was captured " + between
}
