package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"natlens/tui/flows"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// list is a pane between header and footer with rows to choose from: columns or views.
type list struct {
	page.Table[item, string]
	keys keys.Map
}

// listHints are the keys in the footer of a list.
var listHints = []keys.Action{keys.Enter, keys.Delete, keys.Left, keys.Right, keys.Slower, keys.Faster, keys.Clear}

// item is a row of a list.
type item struct{ name, text string }

// openList opens a list. act is what keys do with the entry under the cursor; then rows reads the
// entries again.
func (m *Model) openList(title string, rows func() []item, act map[keys.Action]keyDo) {
	l := &list{}
	l.Table = page.Table[item, string]{S: m.s, Key: func(e *item) string { return e.name },
		Columns: func() []page.Column[item] {
			text := func(of func(*item) string) func(*item, int) (paint.Role, string) {
				return func(e *item, _ int) (paint.Role, string) { return paint.Text, of(e) }
			}
			return page.Beside(paint.Gap,
				page.Column[item]{Title: title, Width: 24, Cell: text(func(e *item) string { return e.name })},
				page.Column[item]{Width: max(1, l.Width-30), Cell: text(func(e *item) string { return e.text })})
		}}
	all := keys.Actions{keys.Back: keys.Act(func() { m.list = nil; m.resize(m.width, m.height) })}
	for a, do := range act {
		all[a] = keys.Do{Does: do.does, Run: func() (cmd tea.Cmd) {
			if e := l.Cursor(); e != nil {
				cmd = do.run(*e)
			}
			l.SetAll(rows())
			return cmd
		}}
	}
	l.Open = all[keys.Enter].Run
	l.keys = m.s.Keys.Bind(keys.Moves(l), keys.Actions{keys.Quit: {Run: m.quit}}, all)
	l.SetAll(rows())
	m.list, m.detail.Open = l, false
	m.resize(m.width, m.height)
}

// keyDo is what a key does with an entry of a list.
type keyDo struct {
	does string
	run  func(item) tea.Cmd
}

// flows returns the page Flows.
func (m *Model) flows() *flows.Page { return m.pages[page.FlowsPage].(*flows.Page) }

// chooseColumns opens the list of the columns of Flows. Each change is shown and saved at once.
func (m *Model) chooseColumns() {
	all := m.flows().Choices()
	rows := func() (out []item) {
		for _, c := range all {
			text := "hidden"
			switch {
			case c.Name == flows.Ends:
				text = "shown: source, destination and their translations"
			case c.Shown:
				text = fmt.Sprintf("shown, %d cells", cmp.Or(c.Width, c.Usual()))
			}
			out = append(out, item{c.Name, text})
		}
		return out
	}
	change := func(does string, change func(at int)) keyDo {
		return keyDo{does, func(e item) tea.Cmd {
			change(slices.IndexFunc(all, func(c flows.Choice) bool { return c.Name == e.name }))
			m.flows().SetColumns(all)
			return m.saveColumns()
		}}
	}
	wider := func(by int) func(int) {
		return func(at int) {
			if c := &all[at]; c.Name != flows.Ends {
				c.Width = min(flows.MaxColumn, max(flows.MinColumn, cmp.Or(c.Width, c.Usual())+by))
			}
		}
	}
	move := func(by int) func(int) {
		return func(at int) {
			to := min(max(0, at+by), len(all)-1)
			all[at], all[to] = all[to], all[at]
		}
	}
	m.openList("COLUMN", rows, map[keys.Action]keyDo{
		keys.Enter: change("show/hide", func(at int) { all[at].Shown = !all[at].Shown || all[at].Name == flows.Ends }),
		keys.Left:  change("narrower", wider(-1)), keys.Right: change("wider", wider(1)),
		keys.Slower: change("up", move(-1)), keys.Faster: change("down", move(1)),
		keys.Clear: {"usual", func(item) tea.Cmd {
			m.flows().SetColumns(nil)
			all = m.flows().Choices()
			return m.saveColumns()
		}},
	})
}

// saveColumns saves the columns of Flows. While it saves, further changes wait.
func (m *Model) saveColumns() tea.Cmd {
	if m.cfg.Saver == nil {
		return nil
	}
	columns := m.flows().Columns()
	return m.saving.Ask(m.s, m.saveColumns, m.saved(func() error { return m.cfg.Saver.SaveColumns(columns) }))
}

// keepView saves a view.
func (m *Model) keepView(v page.View) tea.Cmd {
	if m.cfg.Saver == nil {
		return nil
	}
	return page.Do(m.saved(func() error { return m.cfg.Saver.SaveView(v) }))
}

// saved returns work for a command that saves and reports an error.
func (m *Model) saved(save func() error) func() func() {
	return func() func() {
		err := save()
		return func() {
			if err != nil {
				m.s.Report(paint.Bad, "not saved: "+err.Error())
			}
		}
	}
}

// PageNames are the names of the pages in a view.
var PageNames = []string{"flows", "events", "top", "nat", "health", "who"}

// newView is the entry that saves the page as a view.
const newView = "save this page …"

// chooseView opens the list of views.
func (m *Model) chooseView() {
	rows := func() []item {
		out := []item{{newView, "page, filter, columns and order, under a name"}}
		for _, v := range m.cfg.Views {
			out = append(out, item{v.Name, strings.Join(slices.DeleteFunc([]string{v.Page, v.By, v.Filter, v.Sort},
				func(s string) bool { return s == "" }), "  ")})
		}
		return out
	}
	m.openList("VIEW", rows, map[keys.Action]keyDo{
		keys.Enter: {"open", func(e item) tea.Cmd {
			if e.name == newView {
				m.Ask(page.AskText("name of the view:", "", m.saveView))
				return nil
			}
			return m.openView(m.cfg.Views[m.viewAt(e.name)])
		}},
		keys.Delete: {"delete", func(e item) tea.Cmd {
			at := m.viewAt(e.name)
			if at < 0 {
				return nil
			}
			m.cfg.Views = slices.Delete(slices.Clone(m.cfg.Views), at, at+1)
			return m.keepView(page.View{Name: e.name})
		}},
	})
}

func (m *Model) viewAt(name string) int {
	return slices.IndexFunc(m.cfg.Views, func(v page.View) bool { return v.Name == name })
}

// saveView saves the page as a view.
func (m *Model) saveView(name string) tea.Cmd {
	v := page.View{Name: name, Page: strings.ToLower(m.page().Title()), Filter: m.s.Text, Columns: m.flows().Columns()}
	if p, ok := m.page().(page.Arranged); ok {
		v.By, v.Sort = p.Arrangement()
	}
	if at := m.viewAt(name); at >= 0 {
		m.cfg.Views[at] = v
	} else {
		m.cfg.Views = append(slices.Clone(m.cfg.Views), v)
	}
	m.list = nil
	m.resize(m.width, m.height)
	m.s.Report(paint.New, "view "+name+" saved")
	return m.keepView(v)
}

// openView shows a page as a view has it.
func (m *Model) openView(v page.View) tea.Cmd {
	at := slices.IndexFunc(m.pages, func(p page.Page) bool { return strings.EqualFold(p.Title(), v.Page) })
	if at < 0 {
		m.s.Report(paint.Bad, "this run has no page "+v.Page)
		return nil
	}
	columns, err := flows.ParseColumns(v.Columns)
	if err == nil {
		err = m.s.Replace(v.Filter)
	}
	if p, ok := m.pages[at].(page.Arranged); ok && err == nil {
		err = p.Arrange(v.By, v.Sort)
	}
	if err != nil {
		m.s.Report(paint.Bad, "view "+v.Name+": "+err.Error())
		return nil
	}
	m.flows().SetColumns(columns)
	return m.Show(at)
}
