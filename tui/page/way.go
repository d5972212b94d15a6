package page

import (
	"strings"

	"natlens/monitor"
	"natlens/tui/paint"
)

// Way is the ends of a flow in the order of its packets. Ends without a rewrite are empty.
type Way [4]WayEnd

// The ends of a way.
const (
	WayFrom      = iota // the sender
	WaySentAs           // the sender after SNAT
	WayTo               // the destination
	WayDelivered        // the destination after DNAT
)

// WayEnd is one end of a way.
type WayEnd struct {
	text                 paint.EndText
	sign                 string // before it
	movedAddr, movedPort bool   // rewritten
	Chosen               bool   // the cell under the cursor
}

// Width returns the cells that the end takes.
func (e *WayEnd) Width() int { return paint.Width(e.sign) + e.text.Width() }

// WayForm is how a way is written.
type WayForm uint8

// The forms.
const (
	InColumns WayForm = iota // each end in its own column
	InFolds                  // a translated end is after the original one, reduced to the difference
	InLine                   // one after the other, with arrows
	InShort                  // InLine, but as short as InFolds
)

// Sign returns the sign before an end.
func (form WayForm) Sign(end int) string {
	arrow := [4]string{WayTo: "→", WaySentAs: "⇒", WayDelivered: "⇒"}[end]
	switch {
	case end == WayFrom || end == WayTo && form < InLine:
		return ""
	case form == InLine:
		return " " + arrow + " "
	case form == InColumns:
		return arrow + " "
	}
	return arrow
}

// NewWay returns the ends of a flow, with known names.
func NewWay(names *Names, f *monitor.Flow, form WayForm) (w Way) {
	p, nat := f.Orig.Proto, f.NAT()
	w[WayFrom].text = names.Endpoint(p, f.From())
	w[WayTo] = WayEnd{text: names.Endpoint(p, f.To()), sign: form.Sign(WayTo)}
	rewritten := func(end int, to monitor.Endpoint, addr, port bool) {
		if addr || port {
			w[end] = WayEnd{names.Endpoint(p, to), form.Sign(end), addr, port, false}
			w[end].shorten(form)
		}
	}
	rewritten(WaySentAs, f.SentAs(), nat.SrcAddr, nat.SrcPort)
	rewritten(WayDelivered, f.DeliveredTo(), nat.DstAddr, nat.DstPort)
	return w
}

// shorten drops what NAT did not rewrite, if the form shows it just before.
func (e *WayEnd) shorten(form WayForm) {
	switch named := strings.HasPrefix(e.text.Port, " "); {
	case form == InColumns && named && !e.movedPort: // " id 77" is in the previous column
		e.text.Port = ""
	case form == InColumns || form == InLine:
	case !e.movedAddr:
		e.text = paint.EndText{Port: strings.TrimPrefix(e.text.Port, " ")}
	case !e.movedPort:
		e.text.Port = ""
	}
}

// leastHost is the minimum width of a cut address.
const leastHost = 3

// Cut makes the ends fit into a width. It drops the sender's own port, then cuts the longest
// addresses; signs and the other ports stay. If that is not enough, the end is cut off.
func (w *Way) Cut(room int) {
	if w.Width() > room {
		w[WayFrom].text.Port = "" // the least useful part
	}
	limit, spare := 0, room-w.Width()
	var hosts [len(w)]int
	for i := range w {
		hosts[i] = paint.Width(w[i].text.Host)
		limit = max(limit, hosts[i])
	}
	for ; spare < 0 && limit > leastHost; limit-- {
		for i := range w {
			if hosts[i] == limit {
				hosts[i]--
				if spare++; spare == 0 {
					break
				}
			}
		}
	}
	for i := range w {
		w[i].text.Host = paint.CutMiddle(w[i].text.Host, hosts[i])
	}
	for i := len(w) - 1; i >= 0 && spare < 0; i-- {
		n := w[i].text.Width()
		w[i].text = w[i].text.Fit(max(0, n+spare))
		spare += n - w[i].text.Width()
	}
}

// Width returns the width of all ends without spaces between them.
func (w *Way) Width() (n int) {
	for i := range w {
		n += w[i].Width()
	}
	return n
}

// Add draws the end.
func (e *WayEnd) Add(l *paint.Line) {
	if e.text == (paint.EndText{}) {
		return
	}
	role := paint.Muted
	if e.movedAddr || e.movedPort {
		role = paint.Arrow
	}
	l.Add(role, e.sign)
	var text paint.Line
	e.text.Add(&text, e.movedAddr, e.movedPort)
	if e.Chosen {
		text.Choose()
	}
	l.AddLine(&text)
}
