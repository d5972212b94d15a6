package text

import (
	"io"
	"time"

	"natlens/monitor"
)

// Note writes one line for people. What becomes of it is no matter of the sink.
func Note(w io.Writer, text string) { _, _ = io.WriteString(w, text+"\n") }

// AppendGap says in words what a Lost or Resynced event tells:
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
		b = appendGrouped(append(b, ": +"...), g.Added)
		b = appendGrouped(append(b, " ~"...), g.Changed)
		return appendGrouped(append(b, " −"...), g.Ended)
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
	b = appendGrouped(b, g.Count)
	if g.Count == 1 {
		return append(b, " event"...)
	}
	return append(b, " events"...)
}

// appendGrouped appends n with a comma between thousands.
func appendGrouped(b []byte, n uint64) []byte {
	if n < 1000 {
		return AppendUint(b, n)
	}
	b = appendGrouped(b, n/1000)
	r := n % 1000
	return append(append(b, ',', '0'+byte(r/100)), Pairs[r%100][:]...)
}

// appendClock appends the time of day with milliseconds.
func appendClock(b []byte, t monitor.Time, location *time.Location) []byte {
	return time.Unix(0, int64(t)).In(location).AppendFormat(b, "15:04:05.000")
}
