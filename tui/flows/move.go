package flows

import (
	tea "charm.land/bubbletea/v2"

	"natlens/monitor/table"
	"natlens/tui/keys"
	"natlens/tui/paint"
)

func (p *Page) Keys() keys.Actions {
	return keys.Actions{
		keys.Left:    {Run: func() tea.Cmd { p.col = p.layout.beside(p.col, -1); return nil }},
		keys.Right:   {Run: func() tea.Cmd { p.col = p.layout.beside(p.col, 1); return nil }},
		keys.Sort:    {Run: func() tea.Cmd { return p.sortBy(p.col) }},
		keys.Reverse: {Run: p.reverse},
		keys.Enter:   {Run: p.open},
	}
}

func (p *Page) Hints() []keys.Action {
	if p.s.Replay {
		return []keys.Action{
			keys.Enter,
			keys.Filter,
			keys.Play,
			keys.Faster,
			keys.Slower,
			keys.SeekOn,
			keys.SeekBack,
			keys.Sort,
			keys.Only,
		}
	}
	return []keys.Action{
		keys.Enter,
		keys.Filter,
		keys.Sort,
		keys.Pause,
		keys.Export,
		keys.Delete,
		keys.Copy,
		keys.Names,
		keys.Only,
	}
}

// open opens the detail of the flow under the cursor.
func (p *Page) open() tea.Cmd {
	if f, ok := p.Chosen(); ok {
		p.s.Root.OpenDetail(f)
	}
	return nil
}

// Step moves the cursor, or notes the move while a jump is on its way.
func (p *Page) Step(rows int) tea.Cmd {
	if p.jump {
		p.then += rows
		return nil
	}
	p.Move(rows)
	return p.moved()
}

// moved asks for other rows before the cursor comes to the end of those at hand.
func (p *Page) moved() tea.Cmd {
	p.moves++
	p.follow, p.end, p.jump, p.then = false, false, false, 0
	p.anchor()
	if p.s.Paused {
		return nil
	}
	above, below := p.Top(), p.N-p.Top()-p.Height
	if above < p.Height && p.view.Before > 0 || below < p.Height && p.view.Before+p.N < p.view.Matched {
		return p.Pull(false)
	}
	return nil
}

// Home goes to the top and stays there as rows come.
func (p *Page) Home() tea.Cmd {
	if p.s.Paused {
		return p.hold(0)
	}
	return p.toTop()
}

// End goes to the last row.
func (p *Page) End() tea.Cmd {
	p.follow = false
	if p.s.Paused {
		return p.hold(p.N - 1)
	}
	p.moves++
	p.end, p.jump, p.then = true, true, 0
	return p.Pull(true)
}

// hold puts the cursor on a row of those that the pause holds.
func (p *Page) hold(at int) tea.Cmd {
	p.moves++
	p.To(at)
	p.anchor()
	return nil
}

// toTop asks for the first rows.
func (p *Page) toTop() tea.Cmd {
	p.moves++
	p.follow, p.end, p.place, p.jump, p.then = true, false, table.Place{}, true, 0
	return p.Pull(true)
}

// sortBy orders by a column, by its better end first; the same column again reverses.
func (p *Page) sortBy(id columnID) tea.Cmd {
	if !id.sortable() {
		p.s.Report(paint.Muted, "there is no order by this column")
		return nil
	}
	if p.by == id {
		return p.reverse()
	}
	p.by, p.down = id, columnTable[id].down
	return p.toTop()
}

func (p *Page) reverse() tea.Cmd {
	p.down = !p.down
	return p.toTop()
}

// Click chooses a cell, and opens the flow if it is the cursor's; on the heading it sorts.
func (p *Page) Click(x, y int) tea.Cmd {
	id, onColumn := p.layout.at(x)
	if onColumn {
		p.col = id
	}
	at := p.Top() + y - 1
	switch {
	case y == 0 && onColumn:
		return p.sortBy(id)
	case y == 0 || at >= p.N:
		return nil
	case at == p.At:
		return p.open()
	}
	p.To(at)
	return p.moved()
}
