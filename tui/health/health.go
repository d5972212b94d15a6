// Package health is the page Health of the terminal UI: the table and the events of the last
// ten minutes as charts, and below them the problems: findings, checks, and kernel counters
// that grow. [Watch] reads all that in the background.
package health

import (
	"cmp"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Page shows the problems of the gateway.
type Page struct {
	page.Table[monitor.Finding, [2]string]
	watch    *Watch
	findings Findings // may be nil

	view Watch        // the watch at the last Pull
	now  monitor.Time // then; 0: there was none
}

// New returns the page of a watch. findings may be nil.
func New(s *page.Session, w *Watch, findings Findings) *Page {
	p := &Page{watch: w, findings: findings}
	p.Table = page.Table[monitor.Finding, [2]string]{S: s, Name: "Health", Follow: true,
		Key:     func(f *monitor.Finding) [2]string { return [...]string{f.Rule, f.Subject} },
		Columns: p.columns, Open: p.drill, Above: p.charts, Detail: p.detail, Rest: p.well,
		Opens: "its flows", Footer: []keys.Action{keys.Enter, keys.Up, keys.Down, keys.Pause}}
	return p
}

// Pull copies what the watch has read.
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
	p.SetAll(all)
	return nil
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

// well is the line of a list without items.
func (p *Page) well() paint.Line {
	l := paint.Row(false)
	switch {
	case p.now == 0 || len(p.Rows) > 0:
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
	return l
}

type column = page.Column[monitor.Finding]

// columns returns the name, the text in the remaining space, and the time since when.
func (p *Page) columns() []column {
	const since = 5
	name := 16
	switch {
	case p.Width >= wideCharts:
		name = 23
	case p.Width >= 76:
		name = 21
	}
	return page.Beside(1,
		column{Title: "PROBLEM", Width: name, Cell: func(f *monitor.Finding, _ int) (paint.Role, string) {
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
	most := max(1, min(6, p.Room-p.chartLines()-4))
	add := func(role paint.Role, text string) {
		if text != "" && len(out) < most {
			out = append(out, paint.Wrapped(role, text, "", paint.MarginLeft+2, p.Width, most-len(out))...)
		}
	}
	if paint.Width(f.Text) > p.columns()[1].Width {
		add(paint.Text, f.Text)
	}
	why := f.Why
	if f.Filter != "" {
		why += " (enter shows its flows)"
	}
	add(paint.Muted, why)
	if f.Command != "" {
		out = out[:min(len(out), most-1)] // keep space for the command
		add(paint.Key, "→ "+f.Command)
	}
	return out
}

// wideCharts is the width from which the charts are side by side.
const wideCharts = 100

// chartHeight is how many lines the curve of a chart takes.
func (p *Page) chartHeight() int {
	switch {
	case p.Room >= 40:
		return 8
	case p.Room >= 24:
		return 5
	case p.Room >= 18:
		return 2
	}
	return 1
}

// chartLines is how many lines the charts take.
func (p *Page) chartLines() int {
	if p.Width >= wideCharts {
		return p.chartHeight() + 2 // and a blank one
	}
	return 2 * (p.chartHeight() + 1)
}

// charts draws the fill of the table and the events of the last ten minutes.
func (p *Page) charts() []paint.Line {
	flows := func(s second) uint64 { return s.flows }
	events := func(s second) uint64 { return s.events }
	if p.Width < wideCharts {
		room := p.Width - 2
		return append(p.chart(p.tableTitle(), room, flows, paint.Bar),
			p.chart(p.eventsTitle(room), room, events, paint.Bar)...)
	}
	room := (p.Width - 4) / 2
	left := p.chart(p.tableTitle(), room, flows, paint.Level(p.full(), paint.Bar))
	right := p.chart(p.eventsTitle(room), room, events, paint.Bar)
	for i := range left {
		left[i].Pad(room + 2)
		left[i].AddLine(&right[i])
	}
	return append(left, paint.Line{})
}

// scaleWidth is the width of the numbers beside a chart.
const scaleWidth = 7

// chart draws a title, and a curve with its highest value beside it.
func (p *Page) chart(title paint.Line, room int, of func(second) uint64, role paint.Role) []paint.Line {
	title.Cut(room)
	out, height := []paint.Line{title}, p.chartHeight()
	values, known := p.view.Line.values(max(10, room-scaleWidth-2), of)
	top := uint64(0)
	for _, v := range values {
		top = max(top, v)
	}
	for i, text := range paint.Chart(values, known, height) {
		label := ""
		switch {
		case i == 0 && known > 0:
			label = human.Short(top)
		case i == height-1 && known > 0:
			label = "0"
		}
		var l paint.Line
		l.Pad(1)
		l.AddRight(paint.Muted, label, scaleWidth-1)
		l.Add(paint.Text, " ")
		l.Add(role, text)
		out = append(out, l)
	}
	return out
}

// full returns the share of the table in use; 0 if unknown.
func (p *Page) full() float64 {
	return float64(p.view.reading.Entries) / float64(max(1, p.view.reading.Max))
}

func (p *Page) tableTitle() (l paint.Line) {
	v := &p.view
	l.Add(paint.Label, " TABLE  ")
	if v.source != nil && v.reading.Max > 0 {
		l.Add(paint.Level(p.full(), paint.Text),
			human.Count(v.reading.Entries)+" of "+human.Count(v.reading.Max)+", "+human.Percent(p.full()))
	} else {
		l.Add(paint.Text, human.Plural(v.Line.flows, "flow"))
	}
	if n := len(v.Line.seconds); n > 0 {
		l.Add(paint.Muted, ", last "+human.Age(time.Duration(n)*time.Second))
	}
	return l
}

// eventsTitle has the rate, the losses, and as many kinds of events as fit.
func (p *Page) eventsTitle(room int) (l paint.Line) {
	line := &p.view.Line
	l.Add(paint.Label, " EVENTS  ")
	l.Add(paint.Text, human.Count(line.Rate())+"/s")
	if line.seen.Lost > 0 {
		l.Add(paint.Bad, ", "+human.Count(line.seen.Lost)+" lost")
	}
	for _, kind := range []string{human.Short(line.seen.Created) + " new", human.Short(line.seen.Updated) + " update",
		human.Short(line.seen.Destroyed) + " destroy"} {
		if l.Width()+len(", ")+paint.Width(kind) > room {
			break
		}
		l.Add(paint.Muted, ", "+kind)
	}
	return l
}
