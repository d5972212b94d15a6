// Package health is the page Health of the terminal UI: the table and the events of the last
// ten minutes as charts, and below them the problems: findings, checks, and kernel counters
// that grow. [Watch] reads all that in the background.
package health

import (
	"cmp"
	"slices"

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
