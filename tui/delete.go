package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/paint"
)

// deletedMsg tells how a deletion went.
type deletedMsg struct {
	flow string
	err  error
}

// deletePrompt asks before a flow is deleted.
func (s *session) deletePrompt(f flowRef) *prompt {
	fl := &f.row.Flow
	p := fl.Orig.Proto
	text := p.String() + " " + endpointText(p, fl.From()) + " → " + endpointText(p, fl.To())
	if f.row.Ended() {
		s.tell(paint.Muted, text+" has ended already")
		return nil
	}
	where := "in the kernel?"
	if name := s.netns(fl.Orig.NetNS); name != "" {
		where = "in netns " + name + "?"
	}
	return askKey("delete "+text+" "+where, choice{"y", "yes", func() tea.Cmd {
		return func() tea.Msg {
			ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
			defer cancel()
			return deletedMsg{text, s.cfg.Deleter.Delete(ctx, fl, f.row.Known)}
		}
	}})
}

func (s *session) deleted(m deletedMsg) {
	if m.err != nil {
		s.tell(paint.Bad, "not deleted: "+monitor.Escape(m.err.Error()))
		return
	}
	s.tell(paint.New, "deleted "+m.flow)
}
