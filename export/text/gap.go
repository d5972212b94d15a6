package text

import (
	"io"
	"time"

	"natlens/monitor"
	"natlens/monitor/human"
)

// Note writes one line for people, whatever the text contains. It ignores errors: notes
// do not end a sink.
func Note(w io.Writer, text string) {
	_, _ = w.Write(append(monitor.AppendMessage(nil, []byte(text)), '\n'))
}

// AppendGap appends a lost or resynced event in words:
//
//	2,844 events lost between 12:03:08.112 and 12:03:09.480
//	table reconciled after the loss of 2,844 events: +37 ~4 −12
func AppendGap(b []byte, e *monitor.Event, location *time.Location) []byte {
	g := e.Gap
	if g == nil {
		g = &monitor.Gap{}
	}
	if e.Kind == monitor.KindResynced {
		b = append(b, "table reconciled after the loss of "...)
		b = appendLostCount(b, g)
		b = append(append(b, ": +"...), human.Count(g.Added)...)
		b = append(append(b, " ~"...), human.Count(g.Changed)...)
		return append(append(b, " −"...), human.Count(g.Ended)...)
	}
	b = append(appendLostCount(b, g), " lost"...)
	switch {
	case g.From != 0 && g.To != 0:
		b = appendClock(append(b, " between "...), g.From, location)
		b = appendClock(append(b, " and "...), g.To, location)
	case g.To != 0:
		b = appendClock(append(b, " before "...), g.To, location)
	}
	return b
}

func appendLostCount(b []byte, g *monitor.Gap) []byte {
	if g.Uncertain {
		b = append(b, "at least "...)
	}
	b = append(b, human.Count(g.Count)...)
	if g.Count == 1 {
		return append(b, " event"...)
	}
	return append(b, " events"...)
}

// appendClock appends the time of day with milliseconds.
func appendClock(b []byte, t monitor.Time, location *time.Location) []byte {
	return time.Unix(0, int64(t)).In(location).AppendFormat(b, "15:04:05.000")
}
