package tui

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
func (d *detail) lifeLines(width int) []paint.Line {
	if !d.lived || d.life.N == 0 {
		return hang(paint.Label, "life", words("not known"), width)
	}
	r := &d.flow.row
	var n note
	if r.State&table.RowBorn == 0 {
		n = append(n, paint.Span{Role: paint.Muted, Text: whole("was there before: ")})
	}
	l := &d.life
	for i := range int(l.N) {
		if i > 0 {
			span := spanText(l.At[i] - l.At[i-1])
			if l.Cut && i == int(l.N)-1 {
				span = "… " + span
			}
			n = append(n, paint.Span{Role: paint.Muted, Text: whole(" ─"+span) + "─ "})
		}
		role := paint.Text
		if l.States[i] == table.LifeEnded {
			role = paint.Ended
		}
		n = append(n, paint.Span{Role: role, Text: lifeText(l.States[i], r.Flow.Orig.Proto)})
	}
	if last := int(l.N) - 1; !r.Ended() && !d.gone && l.States[last] != table.LifeEnded {
		ms := max(0, d.s.frame-r.First)/1e6 - monitor.Time(l.At[last])
		n = append(n, paint.Span{Role: paint.Muted, Text: whole(" ─" + spanText(uint32(max(0, ms))) + "─ now")})
	}
	return hang(paint.Label, "life", n, width)
}

func lifeText(s table.LifeState, p monitor.Proto) string {
	switch s {
	case table.LifeReplied:
		return "replied"
	case table.LifeAssured:
		return "assured"
	case table.LifeStarted:
		return whole("first packet")
	case table.LifeEnded:
		return "ended"
	}
	if n := monitor.State(s).Name(p); n != "" {
		return n
	}
	return "state" + noBreak + countPlain(uint64(s))
}

// spanText writes a time between two states with two or three digits.
func spanText(ms uint32) string {
	switch {
	case ms < 1000:
		return fmt.Sprintf("%d ms", ms)
	case ms < 60_000:
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	return human.Age(time.Duration(ms) * time.Millisecond)
}
