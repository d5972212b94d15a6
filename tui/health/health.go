// Package health is the page Health of the terminal UI: the last ten minutes as charts, and below
// them a list: the problems (findings, checks, and kernel counters that grow), the sources with
// most flows, and the tables and counters of the kernel. [Watch] reads all that in the background.
package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/groups"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Page shows the state of the gateway.
type Page struct {
	page.Table[monitor.Finding, [2]string]
	page.Asker
	sources  []monitor.Finding // those with most flows
	watch    *Watch
	findings Findings // may be nil

	view     Watch        // the watch at the last Pull
	problems int          // of the list, its first rows
	now      monitor.Time // then; 0: there was none
}

// New returns the page of a watch. findings may be nil.
func New(s *page.Session, w *Watch, findings Findings) *Page {
	p := &Page{watch: w, findings: findings}
	p.Table = page.Table[monitor.Finding, [2]string]{S: s, Name: "Health", Follow: true,
		Key:     func(f *monitor.Finding) [2]string { return [...]string{f.Rule, f.Subject} },
		Columns: p.columns, Open: p.drill, Above: p.above, Detail: p.detail,
		Opens: "its flows"}
	return p
}

// Pull copies what the watch has read, and counts the flows of the sources.
func (p *Page) Pull() tea.Cmd {
	p.view, p.now = *p.watch, p.S.Clock()
	var all []monitor.Finding
	if p.findings != nil {
		all = p.findings.Snapshot()
	}
	all = slices.Concat(all, p.view.reading.Checks, p.counters())
	if p.view.source == nil { // the commands are for the gateway that was recorded
		for i := range all {
			all[i].Command = ""
		}
	}
	slices.SortStableFunc(all, func(a, b monitor.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	p.problems = len(all)
	p.SetAll(slices.Concat(all, p.sources, p.tables(), p.cpus()))
	t, now, several, env, most := p.S.Table, p.now, p.S.Several(), p.S.Env, max(5, p.Room/3)
	return p.Ask(p.S, func() tea.Cmd { return nil }, func() func() {
		found := sources(t, several, env, now, most)
		return func() { p.sources = found }
	})
}

// sources returns the sources with most flows.
func sources(t *table.Table, several bool, env filter.Env, now monitor.Time, most int) (out []monitor.Finding) {
	by := groups.By{{filter.FieldOrigSrc}}
	if several {
		by = groups.By{{filter.FieldNetNS, filter.FieldOrigSrc}}
	}
	c := groups.New(by, env)
	var e monitor.Event
	t.ScanMatching(nil, now, func(i uint32, r *table.Row, x *monitor.Extra) {
		if !r.Ended() {
			r.Event(i, x, now, &e)
			c.Add(&e, groups.Sums{Flows: 1})
		}
	})
	all := c.Top(groups.ByFlows, false, most)
	for _, g := range all.Groups {
		name, condition := "", []filter.Expr{}
		for i, v := range g.Key {
			name += " " + monitor.Escape(by[0][i].Text(v))
			condition = append(condition, by[0][i].Is(v))
		}
		out = append(out, monitor.Finding{Rule: "most flows", Subject: name,
			Filter: filter.AllOf(condition...).String(), Text: name[1:] + ": " + human.Plural(g.Flows, "flow") + ", " +
				human.Percent(float64(g.Flows)/float64(all.Flows))})
	}
	return out
}

// tables returns how full the table of each namespace is, the fullest first.
func (p *Page) tables() (out []monitor.Finding) {
	if !p.S.Several() {
		return nil
	}
	for _, t := range slices.SortedStableFunc(slices.Values(p.view.reading.Tables), func(a, b Table) int {
		return cmp.Compare(b.Entries, a.Entries)
	}) {
		is := filter.Text{Field: filter.FieldNetNS, Op: filter.Eq, Set: []string{t.NetNS}}
		out = append(out, monitor.Finding{Rule: "table", Subject: t.NetNS, Filter: is.String(),
			Text: monitor.Escape(t.NetNS) + ": " + t.fill()})
	}
	return out
}

// fill is how full the table is.
func (t *Table) fill() string {
	if t.Max == 0 {
		return human.Plural(t.Entries, "entry")
	}
	return human.Percent(t.used()) + ", " + human.Count(t.Entries) + " of " + human.Count(t.Max)
}

// cpus returns the kernel's counters of each CPU: those that are not 0 on every one.
func (p *Page) cpus() (out []monitor.Finding) {
	cpus := p.view.reading.CPUs
	width := make(map[string]int)
	for _, counters := range cpus {
		for word, n := range counters {
			if n > 0 {
				width[word] = max(width[word], len(human.Count(n)))
			}
		}
	}
	for _, cpu := range slices.Sorted(maps.Keys(cpus)) {
		text := ""
		for _, word := range slices.Sorted(maps.Keys(width)) {
			text += fmt.Sprintf("%s %*s   ", word, width[word], human.Count(cpus[cpu][word]))
		}
		out = append(out, monitor.Finding{Rule: fmt.Sprint("cpu ", cpu), Text: cmp.Or(text, "all counters are 0")})
	}
	return out
}

// counters returns the counters that grew in the last ten minutes.
func (p *Page) counters() (out []monitor.Finding) {
	for _, c := range p.view.reading.Counters {
		if moved, in := p.view.Moved.of(&c, p.now); moved > 0 {
			out = append(out, monitor.Finding{Rule: c.Name, Subject: "counter", Severity: c.Level, Command: c.Command,
				Text: "+" + human.Count(moved) + " in " + human.Age(in) + ": " + c.Means})
		}
	}
	return out
}

// drill shows the flows of a finding: its filter replaces the current one.
func (p *Page) drill() tea.Cmd {
	f := p.Cursor()
	if f == nil {
		return nil
	}
	if f.Filter == "" {
		p.S.Report(paint.Muted, f.Rule+" has no flows to show")
		return nil
	}
	if err := p.S.Replace(f.Filter); err != nil {
		p.S.Report(paint.Bad, err.Error())
		return nil
	}
	return p.S.Root.Show(page.FlowsPage)
}

// marks are the signs of the levels.
var marks = [...]struct {
	sign string
	role paint.Role
}{monitor.SeverityInfo: {"·", paint.Text}, monitor.SeverityWarn: {"!", paint.Warn}, monitor.SeverityFail: {"✗",
	paint.Bad}}

// well is the line above the list if it has no problems.
func (p *Page) well() (out []paint.Line) {
	l := paint.Row(false)
	switch {
	case p.now == 0 || p.problems > 0:
		return nil
	case p.view.err != nil:
		l.Add(paint.Warn, "cannot read the kernel's state: "+p.view.err.Error())
	case p.view.source == nil && p.findings == nil:
		l.Add(paint.Muted, "a recording has no kernel counters; it has flows, events and losses")
	case p.view.source == nil:
		l.Add(paint.Muted, "no findings; a recording has no kernel counters")
	default:
		l.Add(paint.New, "✓")
		l.Add(paint.Text, " no problems: no findings, no failed checks, no growing counters")
	}
	l.Cut(p.Width)
	return []paint.Line{l}
}

type column = page.Column[monitor.Finding]

// columns returns the name, the text in the remaining space, and the time since when.
func (p *Page) columns() []column {
	const since = 5
	name := 16
	switch {
	case p.Width >= 100:
		name = 23
	case p.Width >= 76:
		name = 21
	}
	return page.Beside(1,
		column{Title: "FINDING", Width: name, Cell: func(f *monitor.Finding, _ int) (paint.Role, string) {
			return marks[f.Severity].role, marks[f.Severity].sign + " " + f.Rule
		}},
		column{Title: "WHAT IS SEEN", Width: p.Width - paint.MarginLeft - name - since - 3,
			Cell: func(f *monitor.Finding, _ int) (paint.Role, string) { return paint.Text, f.Text }},
		column{Title: "SINCE", Width: since, Right: true, Cell: p.since})
}

func (p *Page) since(f *monitor.Finding, _ int) (_ paint.Role, text string) {
	if f.Since != 0 {
		text = human.Age(page.Since(f.Since, p.now))
	}
	return paint.Muted, text
}

// detail is the whole item under the cursor: the rest of its text, the reason, and the command.
func (p *Page) detail(f *monitor.Finding) (out []paint.Line) {
	most := max(1, min(6, p.Room-len(p.charts())-4))
	add := func(role paint.Role, text string) {
		if text != "" && len(out) < most {
			out = append(out, paint.Wrapped(role, text, "", paint.MarginLeft+2, p.Width, most-len(out))...)
		}
	}
	if paint.Width(f.Text) > p.columns()[1].Width {
		add(paint.Text, f.Text)
	}
	add(paint.Muted, f.Why)
	if f.Command != "" {
		out = out[:min(len(out), most-1)] // keep space for the command
		add(paint.Key, "→ "+f.Command)
	}
	return out
}

// A chart is the curve of a value in the last ten minutes, below its title.
type chart struct {
	title paint.Line
	of    func(second) uint64
	role  paint.Role
}

// above is the charts, and that there are no problems.
func (p *Page) above() []paint.Line { return append(p.charts(), p.well()...) }

// charts draws the fill of the table, and the events, new flows and drops per second: all beside
// each other, or on a narrow screen two. They take a third of the page.
func (p *Page) charts() (out []paint.Line) {
	beside := 2
	if p.Width >= 150 {
		beside = 4
	}
	width, last := (p.Width-2*beside)/beside, p.view.Line.now()
	all := []chart{
		{p.tableTitle(width), func(s second) uint64 { return s.flows }, paint.Level(p.full(), paint.Bar)},
		{p.eventsTitle(width), func(s second) uint64 { return s.events }, paint.Bar},
		{title(width, "NEW FLOWS", perSecond(last.created)), func(s second) uint64 { return s.created }, paint.Bar},
		{title(width, "DROPPED", perSecond(last.drops)), func(s second) uint64 { return s.drops }, paint.Bad},
	}
	height := min(8, max(1, p.Room/3*beside/len(all)-1))
	for ; len(all) > 0; all = all[beside:] {
		lines := make([]paint.Line, height+1)
		for i := range all[:beside] {
			for at, l := range p.chart(&all[i], width, height) {
				lines[at].Pad(i * (width + 2))
				lines[at].AddLine(&l)
			}
		}
		out = append(out, lines...)
	}
	return out
}

// scaleWidth is the width of the numbers beside a chart.
const scaleWidth = 7

// chart draws a chart, with its highest value beside it.
func (p *Page) chart(c *chart, width, height int) []paint.Line {
	c.title.Cut(width)
	out := []paint.Line{c.title}
	values, known := p.view.Line.values(max(10, width-scaleWidth-2), c.of)
	for i, text := range paint.Chart(values, known, height) {
		label := ""
		switch {
		case i == 0 && known > 0:
			label = human.Short(slices.Max(values))
		case i == height-1 && known > 0:
			label = "0"
		}
		var l paint.Line
		l.Pad(1)
		l.AddRight(paint.Muted, label, scaleWidth-1)
		l.Add(paint.Text, " ")
		l.Add(c.role, text)
		out = append(out, l)
	}
	return out
}

// full returns the share of the fullest table in use; 0 if unknown.
func (p *Page) full() float64 {
	share, _ := p.view.Used()
	return share
}

// title names a chart, with those of the facts that fit.
func title(width int, name string, facts ...paint.Span) (l paint.Line) {
	l.Add(paint.Label, " "+name+"  ")
	sep := ""
	for _, f := range facts {
		if sep != "" && l.Width()+len(sep)+paint.Width(f.Text) > width {
			break
		}
		if f.Text != "" {
			l.Add(f.Role, sep+f.Text)
			sep = ", "
		}
	}
	return l
}

func perSecond(n uint64) paint.Span { return paint.Span{Role: paint.Text, Text: human.Count(n) + "/s"} }

func (p *Page) tableTitle(width int) paint.Line {
	v, text, span := &p.view, human.Plural(p.view.Line.flows, "flow"), paint.Span{Role: paint.Muted}
	if n := len(v.reading.Tables); n == 1 {
		text = v.reading.Tables[0].fill()
	} else if n > 1 {
		text += " in " + human.Plural(uint64(n), "table")
	}
	if n := len(v.Line.seconds); n > 0 {
		span.Text = "last " + human.Age(time.Duration(n)*time.Second)
	}
	return title(width, "TABLE", paint.Span{Role: paint.Level(p.full(), paint.Text), Text: text}, span)
}

// eventsTitle has the rate, the losses, and the kinds of events.
func (p *Page) eventsTitle(width int) paint.Line {
	seen, lost := p.view.Line.seen, paint.Span{Role: paint.Bad}
	if seen.Lost > 0 {
		lost.Text = human.Count(seen.Lost) + " lost"
	}
	kind := func(n uint64, name string) paint.Span {
		return paint.Span{Role: paint.Muted, Text: human.Short(n) + " " + name}
	}
	return title(width, "EVENTS", perSecond(p.view.Line.Rate()), lost, kind(seen.Created, "new"),
		kind(seen.Updated, "update"), kind(seen.Destroyed, "destroy"))
}
