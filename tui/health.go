package tui

import (
	"cmp"
	"slices"
	"sync/atomic"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/paint"
)

// healthPage shows whether the gateway is well: table and events over the last
// ten minutes as charts, and below what is wrong: findings, checks, and the
// kernel's counters that move.
type healthPage struct {
	s    *session
	keys *keyMap
	puller
	lineList[string]

	view  healthView
	asked bool // some answer has come

	width, room int // cells, and lines with the charts'
}

// healthView is what the page shows, taken at one time.
type healthView struct {
	line    timeline
	now     monitor.Time
	reading HealthReading
	live    bool // there is a kernel to ask
	err     error
	items   []healthItem
}

// healthItem is a line of the list.
type healthItem struct {
	key     string // of the item, over readings
	level   HealthLevel
	name    string
	text    string
	why     string
	command string
	filter  string       // its flows; "": it is not about single flows
	since   monitor.Time // 0: not known
}

func newHealthPage(s *session, keys *keyMap) *healthPage {
	p := &healthPage{s: s, keys: keys}
	p.resize(80, 20)
	return p
}

func (p *healthPage) title() string { return "Health" }

func (p *healthPage) resize(width, height int) {
	p.width, p.room = width, height
	p.lay()
}

// pull takes what there is: it has been read already.
func (p *healthPage) pull(w wish) tea.Cmd {
	s := p.s
	h := &s.health
	v := healthView{line: h.line, now: s.now(), reading: h.reading, live: s.cfg.Health != nil, err: h.err}
	counters := counterItems(h, v.now)
	return p.ask(p, w, func(*atomic.Bool) any {
		if s.cfg.Findings != nil {
			for _, f := range s.cfg.Findings.Snapshot() {
				v.items = append(v.items, findingItem(&f))
			}
		}
		for _, c := range v.reading.Checks {
			v.items = append(v.items, healthItem{key: "check " + c.Name, level: c.Level, name: c.Name, text: c.Text, command: c.Command})
		}
		v.items = append(v.items, counters...)
		if !v.live { // the commands are for the gateway that was recorded
			for i := range v.items {
				v.items[i].command = ""
			}
		}
		slices.SortStableFunc(v.items, func(a, b healthItem) int { return cmp.Compare(b.level, a.level) })
		return v
	})
}

func findingItem(f *monitor.Finding) healthItem {
	levels := [...]HealthLevel{monitor.SeverityInfo: HealthNote, monitor.SeverityWarn: HealthWarn, monitor.SeverityFail: HealthFail}
	return healthItem{
		key: f.Rule + " " + f.Subject, level: levels[min(f.Severity, monitor.SeverityFail)],
		name: f.Rule, text: f.Text, why: f.Why, command: f.Command, filter: f.Filter, since: f.Since,
	}
}

// counterItems are the counters that have moved in the last ten minutes.
func counterItems(h *healthState, now monitor.Time) (items []healthItem) {
	for i := range h.reading.Counters {
		c := &h.reading.Counters[i]
		moved, in := h.moved.of(c, now)
		if moved == 0 {
			continue
		}
		items = append(items, healthItem{
			key: "counter " + c.Name, level: c.Level, name: c.Name, command: c.Command,
			text: "+" + human.Count(moved) + " in " + human.Age(in) + ": " + c.Means,
		})
	}
	return items
}

func (p *healthPage) answer(m answerMsg) tea.Cmd {
	again := p.answered(m)
	if v, ok := m.body.(healthView); ok {
		p.view, p.asked = v, true
		keys := make([]string, len(v.items))
		for i := range v.items {
			keys[i] = v.items[i].key
		}
		p.set(keys)
		p.lay()
	}
	if again != noWish {
		return p.pull(again)
	}
	return nil
}

func (p *healthPage) key(m tea.KeyPressMsg) tea.Cmd {
	if key.Matches(m, p.keys.Enter) {
		return p.drill()
	}
	p.steer(m, p.keys)
	p.lay()
	return nil
}

func (p *healthPage) hints() []key.Binding {
	k := p.keys
	return []key.Binding{bind("enter", "its flows", "enter"), k.Up, k.Down, k.Pause}
}

func (p *healthPage) wheel(lines int) tea.Cmd {
	p.step(lines)
	p.lay()
	return nil
}

func (p *healthPage) click(_, y int) tea.Cmd {
	y -= p.chartLines() + 1
	if extra := len(p.detail()); y > p.sight.line {
		y = max(p.sight.line, y-extra)
	}
	if p.lineList.click(y) {
		return p.drill()
	}
	p.lay()
	return nil
}

// lay gives the list what the charts and the detail under the cursor leave.
func (p *healthPage) lay() {
	p.sight.height = max(1, p.room-p.chartLines()-1-len(p.detail()))
	p.fit()
}

// item returns the item under the cursor; nil if there is none.
func (p *healthPage) item() *healthItem {
	if p.at >= len(p.view.items) {
		return nil
	}
	return &p.view.items[p.at]
}

// drill shows the flows of a finding: its filter takes the place of the one that
// is there.
func (p *healthPage) drill() tea.Cmd {
	it := p.item()
	if it == nil {
		return nil
	}
	if it.filter == "" {
		p.s.tell(paint.Muted, it.name+" is not about single flows")
		return nil
	}
	done := p.s.stepped()
	if err := p.s.setFilter(it.filter); err != nil {
		p.s.tell(paint.Bad, err.Error())
		return nil
	}
	done()
	return p.s.root.show(0)
}
