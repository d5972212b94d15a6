package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// deleteLimit is how long a deletion may take.
const deleteLimit = 5 * time.Second

// askDelete asks before a flow is deleted.
func askDelete(s *page.Session, f page.Flow, deleter Deleter) {
	fl := &f.Row.Flow
	p := fl.Orig.Proto
	text := p.String() + " " + page.End(p, fl.From()).String() + " → " + page.End(p, fl.To()).String()
	if f.Row.Ended() {
		s.Report(paint.Muted, text+" has already ended")
		return
	}
	where := "in the kernel?"
	if name := s.NetNS(fl.Orig.NetNS); name != "" {
		where = "in netns " + name + "?"
	}
	s.Root.Ask(page.AskKey("delete "+text+" "+where, page.Choice{Key: "y", Text: "yes", Act: func() tea.Cmd {
		return page.Do(func() func() {
			ctx, cancel := context.WithTimeout(s.Context, deleteLimit)
			defer cancel()
			if err := deleter.Delete(ctx, fl, f.Row.Known); err != nil {
				return func() { s.Report(paint.Bad, "not deleted: "+monitor.Escape(err.Error())) }
			}
			return func() { s.Report(paint.New, "deleted "+text) }
		})
	}}))
}
