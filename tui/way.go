package tui

import (
	"strings"

	"natlens/monitor"
	"natlens/tui/paint"
)

// way is the ends of a flow in the order of its packets: who sends, as what NAT
// sends it, to whom, and to whom NAT delivers it. What NAT leaves alone is empty.
type way [4]wayEnd

const (
	wayFrom = iota
	waySentAs
	wayTo
	wayDelivered
)

// wayEnd is one of them.
type wayEnd struct {
	text                 endText
	sign                 string // before it
	movedAddr, movedPort bool   // rewritten
	chosen               bool   // the cell under the cursor
}

func (e *wayEnd) empty() bool { return e.text == endText{} }

func (e *wayEnd) width() int { return paint.Width(e.sign) + e.text.width() }

// wayForm is how a way is written.
type wayForm uint8

const (
	inColumns wayForm = iota // each end in a column of its own
	inFolds                  // what NAT makes of an end stands behind it, as far as it is another
	inLine                   // one after the other, with arrows
	inShort                  // inLine, but as short as inFolds
)

// waySigns stand before what NAT makes of an end.
var waySigns = [...]string{inColumns: "⇒ ", inFolds: "⇒", inLine: " ⇒ ", inShort: "⇒"}

// way writes the ends of a flow.
func (s *session) way(f *monitor.Flow, form wayForm) way {
	p, nat := f.Orig.Proto, f.NAT()
	var w way
	w[wayFrom].text = s.names.endpoint(p, f.From())
	w[wayTo].text = s.names.endpoint(p, f.To())
	switch form {
	case inLine:
		w[wayTo].sign = " → "
	case inShort:
		w[wayTo].sign = "→"
	}
	if nat.SrcAddr || nat.SrcPort {
		w[waySentAs] = s.rewritten(p, f.SentAs(), nat.SrcAddr, nat.SrcPort, form)
	}
	if nat.DstAddr || nat.DstPort {
		w[wayDelivered] = s.rewritten(p, f.DeliveredTo(), nat.DstAddr, nat.DstPort, form)
	}
	return w
}

func (s *session) rewritten(p monitor.Proto, e monitor.Endpoint, addr, port bool, form wayForm) wayEnd {
	out := wayEnd{text: s.names.endpoint(p, e), sign: waySigns[form], movedAddr: addr, movedPort: port}
	switch words := strings.HasPrefix(out.text.port, " "); {
	case form == inColumns && words && !port: // " id 77" stands in the column before
		out.text.port = ""
	case form == inColumns || form == inLine:
	case !addr:
		out.text = endText{port: strings.TrimPrefix(out.text.port, " ")}
	case !port:
		out.text.port = ""
	}
	return out
}

// leastHost is what an address is cut to at the most.
const leastHost = 3

// cut makes the ends fit into so many cells. Signs and ports stay; of the
// addresses the longest ones give first, and what is still too long loses its end.
func (w *way) cut(room int) {
	limit, spare := 0, room-w.width()
	var hosts [len(w)]int
	for i := range w {
		hosts[i] = paint.Width(w[i].text.host)
		limit = max(limit, hosts[i])
	}
	for spare < 0 && limit > leastHost {
		for i := range w {
			if hosts[i] == limit {
				hosts[i]--
				if spare++; spare == 0 {
					break
				}
			}
		}
		limit--
	}
	for i := range w {
		w[i].text.host = paint.CutMiddle(w[i].text.host, hosts[i])
	}
	for i := len(w) - 1; i >= 0 && spare < 0; i-- {
		n := w[i].text.width()
		w[i].text = w[i].text.fit(max(0, n+spare))
		spare += n - w[i].text.width()
	}
}

// width is what the ends take without blanks between them.
func (w *way) width() int {
	n := 0
	for i := range w {
		n += w[i].width()
	}
	return n
}

func (e *wayEnd) add(l *paint.Line) {
	switch {
	case e.empty():
		return
	case e.movedAddr || e.movedPort:
		l.Add(paint.Arrow, e.sign)
	default:
		l.Add(paint.Muted, e.sign)
	}
	var text paint.Line
	e.text.add(&text, e.movedAddr, e.movedPort)
	if e.chosen {
		text.Choose()
	}
	l.AddLine(&text)
}

// wayCell is where a cell of a row begins, and the cells that its text takes.
type wayCell struct{ at, width int }

// spread finds where the cells of a row begin, so that all of them have their
// room before end with gap blanks between them. Cells stay in their
// columns as far as they can: one that is too wide first moves those at its
// right, and where these have no more room, to the left. Cells without a width
// take no part. The cells must fit together.
func spread(cells []wayCell, end, gap int) {
	free := 0 // first column that is free
	for i := range cells {
		if c := &cells[i]; c.width > 0 {
			c.at = max(c.at, free)
			free = c.at + c.width + gap
		}
	}
	for i := len(cells) - 1; i >= 0; i-- {
		if c := &cells[i]; c.width > 0 {
			c.at = min(c.at, end-c.width)
			end = c.at - gap
		}
	}
}
