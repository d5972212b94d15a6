package tui

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// The root model only routes. Update is one switch over the kinds of messages, and
// each case hands its message on: none decides anything, and none knows the words
// of the table.
func TestRootRoutes(t *testing.T) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "model.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		if strings.HasPrefix(i.Path.Value, `"natlens/monitor`) {
			t.Errorf("the root imports %s", i.Path.Value)
		}
	}
	at := slices.IndexFunc(f.Decls, func(d ast.Decl) bool {
		fn, ok := d.(*ast.FuncDecl)
		return ok && fn.Name.Name == "Update"
	})
	body := f.Decls[at].(*ast.FuncDecl).Body.List
	routes, ok := body[0].(*ast.TypeSwitchStmt)
	if !ok || len(body) != 2 {
		t.Fatalf("%s: Update is not a switch over the kind of message, and a return", set.Position(f.Decls[at].Pos()))
	}
	for _, c := range routes.Body.List {
		for _, s := range c.(*ast.CaseClause).Body {
			ast.Inspect(s, func(n ast.Node) bool {
				switch n.(type) {
				case nil, *ast.ReturnStmt, *ast.ExprStmt, *ast.CallExpr, *ast.SelectorExpr, *ast.IndexExpr, *ast.Ident:
					return true
				}
				t.Errorf("%s: the root does more than to hand a message on", set.Position(n.Pos()))
				return false
			})
		}
	}
}

// fakePage notes what the root gives to it.
type fakePage struct {
	page.Page
	got []string
}

func (p *fakePage) note(what string) tea.Cmd { p.got = append(p.got, what); return nil }

func (p *fakePage) Title() string          { return "Fake" }
func (p *fakePage) Resize(int, int)        {}
func (p *fakePage) Pull() tea.Cmd          { return p.note("pull") }
func (p *fakePage) Step(rows int) tea.Cmd  { return p.note(fmt.Sprint("step ", rows)) }
func (p *fakePage) Home() tea.Cmd          { return p.note("home") }
func (p *fakePage) End() tea.Cmd           { return p.note("end") }
func (p *fakePage) Lines() int             { return 20 }
func (p *fakePage) Click(x, y int) tea.Cmd { return p.note("click") }
func (p *fakePage) Draw() []paint.Line     { return make([]paint.Line, 21) }
func (p *fakePage) Keys() keys.Actions {
	return keys.Actions{keys.Sort: {Run: func() tea.Cmd { return p.note("sort") }}}
}

// A page gets what is for it, and only while it is open and nothing is in front.
func TestRootRoutesToThePage(t *testing.T) {
	for _, c := range []struct {
		name string
		keys string
		send tea.Msg
		want []string
	}{
		{"a key", "", tea.KeyPressMsg{Code: 's', Text: "s"}, []string{"sort"}},
		{"a move", "", tea.KeyPressMsg{Code: tea.KeyPgDown}, []string{"step 20"}},
		{"a click", "", tea.MouseClickMsg{X: 3, Y: 5, Button: tea.MouseLeft}, []string{"click"}},
		{"the wheel", "", tea.MouseWheelMsg{Button: tea.MouseWheelDown}, []string{"step 3"}},
		{"a size", "", tea.WindowSizeMsg{Width: 90, Height: 24}, []string{"pull"}},
		{"a key of every page", "", tea.KeyPressMsg{Code: 't', Text: "t"}, nil},
		{"a key to the help", "?", tea.KeyPressMsg{Code: 's', Text: "s"}, nil},
		{"the wheel over the help", "?", tea.MouseWheelMsg{Button: tea.MouseWheelDown}, nil},
		{"a key to the filter", "/", tea.KeyPressMsg{Code: 'c', Text: "c"}, nil},
		{"the wheel beside the filter", "/", tea.MouseWheelMsg{Button: tea.MouseWheelDown}, nil},
		{"a click beside the filter", "/", tea.MouseClickMsg{X: 3, Y: 5, Button: tea.MouseLeft}, nil},
		{"a key to a question", "e", tea.KeyPressMsg{Code: 'z', Text: "z"}, nil},
		{"another page", "", tea.KeyPressMsg{Code: '2', Text: "2"}, nil},
	} {
		st := newStage(t, func(c *Config) { c.Exporter = &disk{} })
		p := &fakePage{}
		st.pages[0], st.pageKeys = p, nil
		st.bindKeys()
		st.press(c.keys)
		p.got = nil
		st.send(c.send)
		if !slices.Equal(p.got, c.want) {
			t.Errorf("%s: the page got %q, want %q", c.name, p.got, c.want)
		}
	}
}
