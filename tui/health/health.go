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
	s        *page.Session
	watch    *Watch
	findings Findings // may be nil
	page.List[string]

	view  view
	asked bool // some answer has come

	width, room int // cells, and lines with the charts'
}

// view is what the page shows, taken at one time.
type view struct {
	line    Timeline
	now     monitor.Time
	reading Reading
	live    bool // there is a kernel to ask
	err     error
	items   []item
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
	p := &Page{s: s, watch: w, findings: findings}
	p.Moved = p.lay
	return p
}

func (p *Page) Title() string { return "Health" }

func (p *Page) Keys() keys.Actions {
	return keys.Actions{keys.Enter: {Run: p.drill, Does: "its flows"}}
}

func (p *Page) Hints() []keys.Action {
	return []keys.Action{keys.Enter, keys.Up, keys.Down, keys.Pause}
}

func (p *Page) Resize(width, height int) {
	p.width, p.room = width, height
	p.lay()
}

// lay gives the list what the charts and the detail under the cursor leave.
func (p *Page) lay() {
	p.Height = max(1, p.room-p.chartLines()-1-len(p.detail()))
	p.Fit()
}

// Pull takes what the watch has read already.
func (p *Page) Pull() tea.Cmd {
	v := view{
		line:    p.watch.Line,
		now:     p.s.Clock(),
		reading: p.watch.reading,
		live:    p.watch.source != nil,
		err:     p.watch.err,
	}
	if p.findings != nil {
		for _, f := range p.findings.Snapshot() {
			v.items = append(v.items, item{key: f.Rule + " " + f.Subject, level: f.Severity,
				name: f.Rule, text: f.Text, why: f.Why, command: f.Command, filter: f.Filter, since: f.Since})
		}
	}
	for _, c := range v.reading.Checks {
		v.items = append(v.items,
			item{key: "check " + c.Name, level: c.Level, name: c.Name, text: c.Text, command: c.Command})
	}
	v.items = append(v.items, p.counters(v.now)...)
	if !v.live { // the commands are for the gateway that was recorded
		for i := range v.items {
			v.items[i].command = ""
		}
	}
	slices.SortStableFunc(v.items, func(a, b item) int { return cmp.Compare(b.level, a.level) })
	p.view, p.asked = v, true
	p.Set(len(v.items), func(i int) string { return v.items[i].key })
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

// item returns the item under the cursor; or nil.
func (p *Page) item() *item {
	if p.At >= len(p.view.items) {
		return nil
	}
	return &p.view.items[p.At]
}

// drill shows the flows of a finding: its filter replaces the one that is there.
func (p *Page) drill() tea.Cmd {
	it := p.item()
	if it == nil {
		return nil
	}
	if it.filter == "" {
		p.s.Report(paint.Muted, it.name+" has no flows to show")
		return nil
	}
	if err := p.s.Replace(it.filter); err != nil {
		p.s.Report(paint.Bad, err.Error())
		return nil
	}
	return p.s.Root.Show(page.FlowsPage)
}

// Click chooses an item; the flows of the one under the cursor are shown.
func (p *Page) Click(_, y int) tea.Cmd {
	y -= p.chartLines() + 1
	if extra := len(p.detail()); y > p.Line {
		y = max(p.Line, y-extra)
	}
	if p.List.Click(y) {
		return p.drill()
	}
	return nil
}
