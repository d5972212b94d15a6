package tui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"natlens/monitor/table"
	"natlens/tui/paint"
)

// key moves the cursor and changes the order.
func (p *flowsPage) key(m tea.KeyPressMsg) tea.Cmd {
	k := p.keys
	if cmd, ok := k.steer(m, p.height, p); ok {
		return cmd
	}
	switch {
	case key.Matches(m, k.Left):
		p.col = p.layout.beside(p.col, -1)
	case key.Matches(m, k.Right):
		p.col = p.layout.beside(p.col, 1)
	case key.Matches(m, k.Sort):
		return p.sortBy(p.col)
	case key.Matches(m, k.Reverse):
		p.down = !p.down
		return p.reordered()
	case key.Matches(m, k.Enter):
		if f, ok := p.chosen(); ok {
			p.s.root.openDetail(f)
		}
	}
	return nil
}

func (p *flowsPage) hints() []key.Binding {
	k := p.keys
	if k.Play.Enabled() {
		return []key.Binding{k.Enter, k.Filter, k.Play, k.Faster, k.Slower, k.SeekOn, k.SeekBack, k.Sort, k.Only}
	}
	return []key.Binding{k.Enter, k.Filter, k.Sort, k.Pause, k.Export, k.Delete, k.Copy, k.Names, k.Only}
}

func (p *flowsPage) step(rows int) tea.Cmd {
	if p.jump {
		p.then += rows
		return nil
	}
	p.move(rows)
	return p.moved()
}

// home goes to the top, and stays there as rows come.
func (p *flowsPage) home() tea.Cmd {
	p.moves++
	if p.s.paused {
		p.to(0)
		p.anchor()
		return nil
	}
	return p.toTop()
}

// toTop asks for the first rows.
func (p *flowsPage) toTop() tea.Cmd {
	p.follow, p.end, p.place, p.jump, p.then = true, false, table.Place{}, true, 0
	return p.pull(toChange)
}

// last asks for the last rows, or goes to the last of those that the pause holds.
func (p *flowsPage) last() tea.Cmd {
	p.moves++
	p.follow = false
	if p.s.paused {
		p.to(p.n - 1)
		p.anchor()
		return nil
	}
	p.end, p.jump, p.then = true, true, 0
	return p.pull(toChange)
}

// sortBy orders by a column, by its better end first; the same column again
// turns it round.
func (p *flowsPage) sortBy(id columnID) tea.Cmd {
	if !id.sortable() {
		p.s.tell(paint.Muted, "this column has no order")
		return nil
	}
	if p.by == id {
		p.down = !p.down
	} else {
		p.by, p.down = id, columnTable[id].down
	}
	return p.reordered()
}

// reordered asks anew after a change of the order: from the top.
func (p *flowsPage) reordered() tea.Cmd {
	p.moves++
	return p.toTop()
}

// click chooses a cell; on the heading it sorts.
func (p *flowsPage) click(x, y int) tea.Cmd {
	id, onColumn := p.layout.at(x)
	if y == 0 {
		if !onColumn {
			return nil
		}
		p.col = id
		return p.sortBy(id)
	}
	at := p.top() + y - 1
	if at >= p.n {
		return nil
	}
	if onColumn {
		p.col = id
	}
	if at == p.at {
		f, _ := p.chosen()
		p.s.root.openDetail(f)
		return nil
	}
	p.to(at)
	return p.moved()
}

func (p *flowsPage) wheel(lines int) tea.Cmd { return p.step(lines) }
