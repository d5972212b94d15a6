package tui

import (
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
)

// Crash is a panic that ended the UI. When Run returns it, the terminal is as it was before.
type Crash struct {
	Value any    // of the panic
	Stack []byte // of the goroutine that panicked, in lines
}

// Error is one line, without the stack.
func (c *Crash) Error() string {
	text := strings.Join(strings.Fields(fmt.Sprint(c.Value)), " ")
	return "the terminal UI crashed: " + monitor.Escape(text)
}

// guard keeps a panic from leaving the terminal raw: it notes the first one and ends the UI.
// All that Run starts runs in it.
type guard struct {
	end   func() // must not wait
	crash atomic.Pointer[Crash]
}

// run does the work, and returns even if that panics.
func (g *guard) run(work func()) {
	defer func() {
		if r := recover(); r != nil {
			g.crash.CompareAndSwap(nil, &Crash{r, debug.Stack()})
			g.end()
		}
	}()
	work()
}

// guardedModel is a Model with a guard around all that Bubble Tea calls. Bubble Tea's own
// recovery prints the stack of a command onto the UI's screen.
type guardedModel struct {
	*Model
	guard *guard
}

func (m guardedModel) Init() (cmd tea.Cmd) {
	m.guard.run(func() { cmd = m.guarded(m.Model.Init()) })
	return cmd
}

func (m guardedModel) Update(msg tea.Msg) (_ tea.Model, cmd tea.Cmd) {
	m.guard.run(func() {
		_, cmd = m.Model.Update(msg)
		cmd = m.guarded(cmd)
	})
	return m, cmd
}

func (m guardedModel) View() (v tea.View) {
	m.guard.run(func() { v = m.Model.View() })
	return v
}

// guarded puts the guard around a command, and around those that it returns.
func (m guardedModel) guarded(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		m.guard.run(func() { msg = cmd() })
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i := range batch {
				batch[i] = m.guarded(batch[i])
			}
		}
		return msg
	}
}
