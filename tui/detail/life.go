package detail

import (
	"fmt"
	"time"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// lifeLines draws the states that the flow went through with the time in each:
//
//	life         SYN_SENT ─18 ms─ SYN_RECV ─0 ms─ ESTABLISHED ─12s─ now
func (p *Pane) lifeLines(width int) []paint.Line {
	if !p.lived || p.life.N == 0 {
		return paint.Hang(paint.Label, "life", paint.Words("not known"), width)
	}
	r := &p.Flow.Row
	var n paint.Note
	add := func(role paint.Role, text string) { n = append(n, paint.Span{Role: role, Text: text}) }
	if r.State&table.RowNew == 0 {
		add(paint.Muted, paint.Whole("began before natlens: "))
	}
	l := &p.life
	for i := range int(l.N) {
		if i > 0 {
			span := spanText(l.At[i] - l.At[i-1])
			if l.Cut && i == int(l.N)-1 {
				span = "… " + span
			}
			add(paint.Muted, paint.Whole(" ─"+span)+"─ ")
		}
		role := paint.Text
		if l.States[i] == table.LifeEnded {
			role = paint.Ended
		}
		add(role, paint.Whole(lifeText(l.States[i], r.Flow.Orig.Proto)))
	}
	if last := int(l.N) - 1; !r.Ended() && !p.gone && l.States[last] != table.LifeEnded {
		ms := max(0, p.s.Frame-r.First)/1e6 - monitor.Time(l.At[last])
		add(paint.Muted, paint.Whole(" ─"+spanText(uint32(max(0, ms)))+"─ now"))
	}
	return paint.Hang(paint.Label, "life", n, width)
}

func lifeText(s table.LifeState, p monitor.Proto) string {
	switch s {
	case table.LifeReplied:
		return "replied"
	case table.LifeAssured:
		return "assured"
	case table.LifeStarted:
		return "first packet"
	case table.LifeEnded:
		return "ended"
	}
	if n := monitor.State(s).Name(p); n != "" {
		return n
	}
	return "state " + decimal(uint32(s))
}

// spanText writes the time between two states: 18 ms, 1.5 s, 4m02.
func spanText(ms uint32) string {
	switch {
	case ms < 1000:
		return fmt.Sprintf("%d ms", ms)
	case ms < 60_000:
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	return human.Age(time.Duration(ms) * time.Millisecond)
}
