// Package top is the page Top of the terminal UI: flows counted by what they have in common, such
// as their source. The groups are a tree: a source opens to its ports.
package top

import (
	"maps"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor/filter"
	"natlens/monitor/groups"
	"natlens/monitor/human"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Page counts flows.
type Page struct {
	page.Table[row, string]
	page.Asker
	answer answer

	at      int    // index of the grouping; len(groupings): the user's
	typed   string // the user's fields; "": none yet
	by      groups.By
	counter *groups.Counter
	open    map[string]bool // paths of the open groups
	counted bool            // an answer for the grouping and the filter has come
	gen     int             // the filter

	minutes map[string]*page.Minute // the rates of the groups, by their paths

	needs int // width of the longest name seen
}

// New returns the page. It counts by source, the group with the most flows first, or once rates
// are known, the busiest.
func New(s *page.Session) *Page {
	p := new(Page)
	p.Table = page.Table[row, string]{S: s, Name: "Top", By: byFlows, Down: true, Column: byName, Follow: true,
		Key: func(r *row) string { return r.path }, Columns: p.columns,
		Orders: orders, Sorted: func() tea.Cmd { return p.Pull() },
		Open: func() tea.Cmd { return s.Drill(p.Condition()) },
		Why:  p.why, Rest: p.more, Opens: "these flows",
		Above: func() []paint.Line {
			return append(append([]paint.Line{p.choices()}, s.Accounting(p.Width)...), p.graph()...)
		},
		Actions: keys.Actions{
			keys.Fold:    {Run: p.fold},
			keys.GroupBy: {Run: p.nextGrouping},
			keys.Fields:  keys.Act(p.askFields),
		}}
	_ = p.use(0, groupings[0].by) // these fields exist
	return p
}

func (p *Page) Resize(width, height int) {
	p.needs = 0
	p.Table.Resize(width, height)
}

func (p *Page) Pull() tea.Cmd {
	if p.gen != p.S.Gen {
		p.gen = p.S.Gen
		p.forget()
	}
	q := question{table: p.S.Table, filter: p.S.Filter, counter: p.counter, by: p.by, open: maps.Clone(p.open),
		order: orderOf[p.By], reverse: p.Down == (p.By == byName), window: p.S.Window, now: p.S.Clock()}
	gen := p.gen
	return p.Ask(p.S, p.Pull, func() func() {
		found := q.count()
		return func() {
			if q.counter == p.counter && gen == p.gen {
				p.show(&found, &q)
			}
		}
	})
}

// show sets an answer. It sorts by rate as soon as there is one, unless the user has chosen an
// order or moved the cursor.
func (p *Page) show(found *answer, q *question) {
	p.answer, p.counted = *found, true
	p.S.Count(p, int(found.all.Flows), found.live)
	p.SetAll(found.rows)
	if found.all.Rated > 0 {
		p.S.Total.Note(q.now, uint64(found.all.Rate.Sum()))
		for i := range found.rows {
			r := &found.rows[i]
			if p.minutes[r.path] == nil {
				p.minutes[r.path] = new(page.Minute)
			}
			p.minutes[r.path].Note(q.now, uint64(r.Rate.Sum()))
		}
		maps.DeleteFunc(p.minutes, func(_ string, m *page.Minute) bool { return m.Old(q.now) })
	}
	if !p.Ordered && found.all.Rate.Sum() >= 1 {
		p.Ordered = true
		if p.Follow {
			p.By = byRate
		}
	}
}

// forget drops the rates of the groups of another grouping or filter.
func (p *Page) forget() {
	p.needs, p.minutes = 0, make(map[string]*page.Minute)
}

// use changes the grouping and its fields.
func (p *Page) use(at int, fields string) error {
	by, err := groups.Parse(fields)
	if err != nil {
		return err
	}
	for _, level := range by {
		for _, f := range level {
			if err := p.S.Needs(f.Is(filter.Value{})); err != nil {
				return err
			}
		}
	}
	p.at, p.by, p.counter, p.open = at, by, groups.New(by, p.S.Env), make(map[string]bool)
	p.answer, p.counted, p.Follow = answer{}, false, true
	p.SetAll(nil)
	p.forget()
	return nil
}

// group counts by one of the groupings offered.
func (p *Page) group(at int) tea.Cmd {
	fields := p.typed
	if at < len(groupings) {
		fields = groupings[at].by
	}
	_ = p.use(at, fields) // those offered were parsed before
	return p.Pull()
}

// offered returns the groupings that are offered.
func (p *Page) offered() (all []int) {
	for i := range groupings {
		if groupings[i].where(p.S) {
			all = append(all, i)
		}
	}
	if p.typed != "" {
		all = append(all, len(groupings))
	}
	return all
}

func (p *Page) nextGrouping() tea.Cmd {
	all := p.offered()
	for _, i := range all {
		if i > p.at {
			return p.group(i)
		}
	}
	return p.group(all[0])
}

// askFields asks for the fields by which flows are grouped.
func (p *Page) askFields() {
	p.S.Root.Ask(page.AskText("group by fields:", p.by.String(), func(text string) tea.Cmd {
		if err := p.use(len(groupings), text); err != nil {
			p.S.Report(paint.Bad, err.Error())
			return nil
		}
		p.typed = text
		return p.Pull()
	}))
}

// fold opens the group under the cursor, or closes it. A group without groups in it closes the
// one above.
func (p *Page) fold() tea.Cmd {
	r := p.Cursor()
	switch {
	case r == nil:
		return nil
	case p.open[r.path]:
		delete(p.open, r.path)
	case !r.leaf:
		p.open[r.path] = true
	case r.level > 0:
		at := p.At
		for p.Rows[at].level == r.level {
			at--
		}
		delete(p.open, p.Rows[at].path)
		p.Step(at - p.At)
	}
	return p.Pull()
}

// Arrangement returns grouping and order for a view.
func (p *Page) Arrangement() (by, sort string) {
	_, sort = p.Table.Arrangement()
	return p.by.String(), sort
}

// Arrange sets grouping and order of a view.
func (p *Page) Arrange(by, sort string) error {
	if by != "" {
		if err := p.use(len(groupings), by); err != nil {
			return err
		}
		p.typed = by
	}
	return p.Table.Arrange(by, sort)
}

// Condition returns the group under the cursor as a filter.
func (p *Page) Condition() string {
	if r := p.Cursor(); r != nil {
		return r.condition()
	}
	return ""
}

// WantsDump reports whether the groups have bytes.
func (p *Page) WantsDump() bool { return p.answer.all.Counted > 0 }

// Click chooses a grouping, an order or a group, and opens the group under the cursor.
func (p *Page) Click(x, y int) tea.Cmd {
	if y > 0 {
		return p.Table.Click(x, y)
	}
	l := p.choices()
	if at, ok := l.At(x); ok {
		return p.group(at)
	}
	return nil
}

// more reports how many groups are not shown.
func (p *Page) more() (l paint.Line) {
	if p.answer.all.More > 0 {
		l = paint.Row(false)
		l.Add(paint.Muted, "and "+human.Count(uint64(p.answer.all.More))+" more")
	}
	return l
}

func (p *Page) why() string {
	if !p.counted {
		return ""
	}
	return p.S.WhyEmpty("such flows")
}

// title returns the name of the grouping.
func (p *Page) title() string {
	if p.at < len(groupings) {
		return groupings[p.at].name
	}
	return p.by.String()
}

// choices draws the names of the groupings: from the first one from which the chosen one fits.
func (p *Page) choices() (l paint.Line) {
	all := p.offered()
	for first := range all {
		l = paint.Row(false)
		l.Add(paint.Muted, "by  ")
		if first > 0 {
			l.Add(paint.Muted, "… ")
		}
		end := 0
		for i, at := range all[first:] {
			if i > 0 {
				l.Pad(l.Width() + paint.Gap)
			}
			role, name := paint.Text, p.typed
			if at == p.at {
				role = paint.Tab
			}
			if at < len(groupings) {
				name = groupings[at].name
			}
			l.Mark(at, func() { l.Add(role, name) })
			if at == p.at {
				end = l.Width()
			}
		}
		if end < p.Width {
			break
		}
	}
	l.Cut(p.Width)
	return l
}
