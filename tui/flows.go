package tui

import (
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// flowsPage is the live table. It has a stretch of rows around its cursor, three
// screens up and down, and asks for another one every frame.
type flowsPage struct {
	s    *session
	keys *keyMap
	puller
	sight

	by   columnID
	down bool
	col  columnID // under the cursor

	// The cursor stays on its flow: where that stands, in the order and in the
	// table. While follow is set, it stays at the top instead; end asks for the
	// last rows, once.
	follow, end bool
	place       table.Place
	moves       int // counts moves of the cursor

	// A jump asks for rows that are not at hand: what is on the screen stays there
	// until they are, and the moves meanwhile are made then.
	jump bool
	then int

	rows          []flowRef
	view          table.View
	layout        layout
	needs         endWidths // of the flows seen since the last change of the filter or the width
	has           present   // likewise, what they had: a column that comes and goes would move the others
	width, height int       // lines without the heading
	filterGen     int
}

// heldRows is how many rows above and below the cursor a paused view holds.
const heldRows = 5000

func newFlowsPage(s *session, keys *keyMap) *flowsPage {
	p := &flowsPage{s: s, keys: keys, by: colAge, down: true, col: colSource, follow: true}
	p.resize(80, 20)
	return p
}

func (p *flowsPage) title() string { return "Flows" }

func (p *flowsPage) countsMatches() {}

func (p *flowsPage) resize(width, height int) {
	if width != p.width {
		p.needs, p.has = endWidths{}, present{}
	}
	p.width, p.height, p.sight.height = width, height-1, height-1
	p.lay()
	p.fit()
}

// flowsAnswer is what a question of the Flows page brings.
type flowsAnswer struct {
	view  table.View
	rows  []flowRef
	moves int
	end   bool
}

func (p *flowsPage) pull(w wish) tea.Cmd {
	if p.filterGen != p.s.gen { // another filter: from the top
		p.filterGen, p.follow, p.place, w = p.s.gen, true, table.Place{}, toChange
		p.needs, p.has = endWidths{}, present{}
	}
	q, flows, moves := p.query(), p.s.cfg.Table, p.moves
	follow := p.follow
	cursor := table.Row{}
	var index uint32
	if f, ok := p.chosen(); ok {
		cursor, index = f.row, f.index
	}
	q.Near = index
	return p.ask(p, w, func(stop *atomic.Bool) any {
		q.Stop = stop
		if !follow && !q.End { // its flow may have moved in the order
			if r, _, ok := flows.Get(index, cursor.Gen); ok {
				q.At = q.Place(index, &r)
			}
		}
		a := flowsAnswer{view: flows.View(q), moves: moves, end: q.End}
		if a.view.Cut {
			return nil
		}
		a.rows = withExtras(flows, a.view.Rows)
		return a
	})
}

func (p *flowsPage) query() table.Query {
	q := table.Query{Filter: p.s.judge, By: columnTable[p.by].order, Descending: p.down, At: p.place,
		Above: p.line + 2*p.height, Below: 3*p.height - p.line, Now: p.s.now(), End: p.end}
	if p.s.paused {
		q.Above, q.Below = heldRows, heldRows
	}
	if p.follow {
		q.At, q.Above, q.Below = table.Place{}, 0, max(q.Below, 3*p.height)
	}
	if q.End {
		q.Above = max(q.Above, 3*p.height)
	}
	if p.by == colRate {
		rates, now := p.s.rates, q.Now
		q.Value = func(i uint32, r *table.Row) uint64 {
			v, _ := rates.of(i, r.Gen, now)
			return v
		}
	}
	return q
}

// withExtras adds the rare attributes of the rows that have some.
func withExtras(t *table.Table, rows []table.ViewRow) []flowRef {
	out := make([]flowRef, len(rows))
	for i := range rows {
		out[i] = flowRef{row: rows[i].Row, index: rows[i].Index}
		if rows[i].Known&monitor.AttrsInExtra != 0 {
			_, out[i].extra, _ = t.Get(rows[i].Index, rows[i].Gen)
		}
	}
	return out
}

func (p *flowsPage) answer(m answerMsg) tea.Cmd {
	again := p.answered(m)
	if a, ok := m.body.(flowsAnswer); ok && !p.take(a) {
		again = max(again, toMove)
	}
	if again != noWish {
		return p.pull(again)
	}
	return nil
}

// take puts the new stretch in the place of the old one, with the cursor on its
// flow. It returns false if the stretch is of no use: the cursor has moved since
// it was asked for, to a flow that is not in it.
func (p *flowsPage) take(a flowsAnswer) bool {
	if p.jump && a.moves != p.moves {
		return false // asked for before the jump
	}
	p.s.matched, p.s.flows = a.view.Live, a.view.Flows
	at, toEnd := a.view.At, a.end && p.jump
	if toEnd {
		at = len(a.rows) - 1
		p.end = false
	} else if p.follow {
		at = 0
	} else if f, ok := p.chosen(); ok {
		found := indexOf(a.rows, f.row.Gen)
		if found < 0 && a.moves != p.moves {
			return false
		}
		if found >= 0 {
			at = found
		}
	}
	p.view, p.rows = a.view, a.rows
	p.n, p.at = len(p.rows), at
	if toEnd {
		p.line = p.height - 1
	}
	p.fit()
	p.landed()
	p.anchor()
	p.lay()
	return true
}

// landed makes the moves that were asked for since the jump.
func (p *flowsPage) landed() {
	if p.jump && p.then != 0 {
		p.follow = false
		p.move(p.then)
	}
	p.jump, p.then = false, 0
}

// lay chooses the columns for the rows at hand.
func (p *flowsPage) lay() {
	p.has.add(&p.view)
	if p.s.several() {
		p.has.netns = max(p.has.netns, netnsWidth(p.width, ""))
		for i := range p.rows {
			p.has.netns = max(p.has.netns, netnsWidth(p.width, p.s.netns(p.rows[i].row.Flow.Orig.NetNS)))
		}
	}
	p.has.rates = p.has.counters && p.s.cfg.Refresher != nil // else nobody reads them twice
	p.layout = layOut(p.width, p.has, p.needs)
	if needs := p.layout.endNeeds(p.s, p.rows, p.needs); needs != p.needs {
		p.needs = needs
		p.layout = layOut(p.width, p.has, needs)
	}
}

func indexOf(rows []flowRef, gen uint64) int {
	for i := range rows {
		if rows[i].row.Gen == gen {
			return i
		}
	}
	return -1
}

// anchor notes where the cursor's flow stands.
func (p *flowsPage) anchor() {
	if p.at < len(p.view.Rows) {
		p.place = p.view.Rows[p.at].Place
	}
}

// moved is called after each move of the cursor; it asks for another stretch
// before the cursor comes to the end of this one.
func (p *flowsPage) moved() tea.Cmd {
	p.moves++
	p.follow, p.end, p.jump, p.then = false, false, false, 0
	p.anchor()
	if p.s.paused {
		return nil
	}
	above, below := p.top(), p.n-p.top()-p.height
	if above < p.height && p.view.Before > 0 || below < p.height && p.view.Before+p.n < p.view.Matched {
		return p.pull(toMove)
	}
	return nil
}

func (p *flowsPage) chosen() (flowRef, bool) {
	if p.at < len(p.rows) {
		return p.rows[p.at], true
	}
	return flowRef{}, false
}

func (p *flowsPage) condition() string {
	f, ok := p.chosen()
	if ok && p.col == colNetNS {
		return p.s.netnsFilter(f.row.Flow.Orig.NetNS)
	}
	if v := columnTable[p.col].value; ok && v != nil {
		return v(&f)
	}
	return ""
}

func (p *flowsPage) wantsDump() bool {
	return p.by == colRate || p.by == colBytes || p.by == colPackets
}

func (p *flowsPage) inSight() []monitor.Tuple {
	var out []monitor.Tuple
	for i := p.top(); i < min(len(p.rows), p.top()+p.height); i++ {
		if r := &p.rows[i].row; !r.Ended() {
			out = append(out, r.Flow.Orig)
		}
	}
	return out
}

func (p *flowsPage) draw() []drawn {
	out := make([]drawn, 0, p.height+1)
	out = append(out, drawn{line: p.layout.heading(p.by, p.down, p.col)})
	d := flowDrawer{s: p.s, now: p.s.frame, col: p.col}
	for i := range p.height {
		at := p.top() + i
		if at >= len(p.rows) {
			out = append(out, p.empty(i))
			continue
		}
		out = append(out, d.line(&p.layout, &p.rows[at], at == p.at))
	}
	return out
}

// empty is a line without a row; the first one says why there is none.
func (p *flowsPage) empty(i int) drawn {
	var out drawn
	if i == 1 && len(p.rows) == 0 {
		out.line.Pad(marginLeft)
		out.line.Add(paint.Muted, p.s.whyEmpty("flows"))
	}
	return out
}
