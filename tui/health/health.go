// Package health is the page Health of the terminal UI: the table and the events of the
// last ten minutes as charts, and below them what is wrong: findings, checks, and the
// kernel's counters that move. [Watch] collects that in the background.
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

// Page shows whether the gateway is well.
type Page struct {
	page.Table[item, string]
	watch    *Watch
	findings Findings // may be nil

	view  view
	asked bool // some answer has come
}

// view is what the page shows, taken at one time.
type view struct {
	line    Timeline
	now     monitor.Time
	reading Reading
	live    bool // there is a kernel to ask
	err     error
}

// item is a line of the list.
type item struct {
	key     string // of the item, over readings
	level   monitor.Severity
	name    string
	text    string
	why     string
	command string
	filter  string       // its flows; "": it has no flows to show
	since   monitor.Time // 0: not known
}

// New returns the page of a watch. findings may be nil.
func New(s *page.Session, w *Watch, findings Findings) *Page {
	p := &Page{watch: w, findings: findings}
	p.Table = page.Table[item, string]{S: s, Follow: true, Key: func(it *item) string { return it.key },
		Columns: p.columns, Open: p.drill, Above: p.charts, Detail: p.detail, Rest: p.well}
	return p
}

func (p *Page) Title() string { return "Health" }

func (p *Page) Keys() keys.Actions {
	return keys.Actions{keys.Enter: {Run: p.drill, Does: "its flows"}}
}

func (p *Page) Hints() []keys.Action {
	return []keys.Action{keys.Enter, keys.Up, keys.Down, keys.Pause}
}

// Pull takes what the watch has read already.
func (p *Page) Pull() tea.Cmd {
	v := view{
		line:    p.watch.Line,
		now:     p.S.Clock(),
		reading: p.watch.reading,
		live:    p.watch.source != nil,
		err:     p.watch.err,
	}
	var items []item
	if p.findings != nil {
		for _, f := range p.findings.Snapshot() {
			items = append(items, item{key: f.Rule + " " + f.Subject, level: f.Severity,
				name: f.Rule, text: f.Text, why: f.Why, command: f.Command, filter: f.Filter, since: f.Since})
		}
	}
	for _, c := range v.reading.Checks {
		items = append(items,
			item{key: "check " + c.Name, level: c.Level, name: c.Name, text: c.Text, command: c.Command})
	}
	items = append(items, p.counters(v.now)...)
	if !v.live { // the commands are for the gateway that was recorded
		for i := range items {
			items[i].command = ""
		}
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(b.level, a.level) })
	p.view, p.asked = v, true
	p.SetAll(items)
	return nil
}

// counters are the counters that have moved in the last ten minutes.
func (p *Page) counters(now monitor.Time) (items []item) {
	for _, c := range p.watch.reading.Counters {
		if moved, in := p.watch.Moved.of(&c, now); moved > 0 {
			items = append(items, item{key: "counter " + c.Name, level: c.Level, name: c.Name, command: c.Command,
				text: "+" + human.Count(moved) + " in " + human.Age(in) + ": " + c.Means})
		}
	}
	return items
}

// drill shows the flows of a finding: its filter replaces the one that is there.
func (p *Page) drill() tea.Cmd {
	it := p.Cursor()
	if it == nil {
		return nil
	}
	if it.filter == "" {
		p.S.Report(paint.Muted, it.name+" has no flows to show")
		return nil
	}
	if err := p.S.Replace(it.filter); err != nil {
		p.S.Report(paint.Bad, err.Error())
		return nil
	}
	return p.S.Root.Show(page.FlowsPage)
}
