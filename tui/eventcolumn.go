package tui

import (
	"strings"

	"natlens/monitor"
	"natlens/tui/paint"
)

// eventColumn is a cell of the Events page that the cursor can be on. Those of
// the flow's ends stand beside each other, without columns.
type eventColumn uint8

const (
	evKind eventColumn = iota
	evProto
	evState
	evFrom
	evSentAs
	evTo
	evDelivered
	eventColumns
)

// eventFilters write a cell as a condition.
var eventFilters = [eventColumns]func(*monitor.Event) string{
	evKind:      func(e *monitor.Event) string { return "event " + strings.ToLower(e.Kind.String()) },
	evProto:     ofFlow(protoFilter),
	evState:     ofFlow(stateFilter),
	evFrom:      ofFlow(sourceFilter),
	evSentAs:    ofFlow(sentAsFilter),
	evTo:        ofFlow(destFilter),
	evDelivered: ofFlow(deliveredFilter),
}

// ofFlow writes what the event told of its flow, not how the flow stands now.
func ofFlow(write func(*flowRef) string) func(*monitor.Event) string {
	return func(e *monitor.Event) string {
		f := flowOfEvent(e)
		return write(&f)
	}
}

// eventLayout is where the columns of the Events page begin; the ends of the flow
// take the rest.
type eventLayout struct {
	width                   int
	kind, proto, state, way int
	netns                   int // where the namespace has a column: several of them, and no room behind the flow; or 0
	compact                 bool
	short                   bool // words of three letters for the events
}

func layOutEvents(width int, several bool) eventLayout {
	l := eventLayout{width: width, compact: width < 100, short: width < 90}
	if l.compact {
		l.kind = marginLeft + len("15:04:05 ")
		l.proto = l.kind + len("destroy ")
		if l.short {
			l.proto = l.kind + len("end ")
		}
		l.state = l.proto + len("icmp ")
		l.way = l.state + len("ESTABLISHED ")
		if several && width >= 76 {
			l.netns = l.way
			l.way += eventNetNS + len(" ")
		}
		return l
	}
	l.kind = marginLeft + len("15:04:05.000  ")
	l.proto = l.kind + len("existing  ")
	l.state = l.proto + len("icmpv6  ")
	l.way = l.state + len("ESTABLISHED  ")
	return l
}

// shortKinds are the events in three letters, for narrow screens.
var shortKinds = map[monitor.Kind]string{monitor.KindNew: "new", monitor.KindUpdate: "upd", monitor.KindDestroy: "end",
	monitor.KindExisting: "was"}

// kindText names what happened; ~ says that a reconciliation inferred it.
func (l *eventLayout) kindText(e *monitor.Event) string {
	text := e.Kind.String()
	if short := shortKinds[e.Kind]; l.short && short != "" {
		text = short
	}
	if e.Inferred {
		text = "~" + text
	}
	return text
}

func (l *eventLayout) form() wayForm {
	if l.compact {
		return inShort
	}
	return inLine
}

// eventNetNS is the width of the column of namespaces.
const eventNetNS = 8

// eventTitle is a column's name and where it begins.
type eventTitle struct {
	at    int
	title string
	col   eventColumn // eventColumns: TIME, which is no cell to filter by
}

// titles are the columns' names; those of the ends with the signs that stand
// between them.
func (l *eventLayout) titles() []eventTitle {
	out := []eventTitle{{marginLeft, "TIME", eventColumns}, {l.kind, "EVENT", evKind}, {l.proto, "PROTO", evProto},
		{l.state, "STATE", evState}}
	if l.short { // "new tcp  ESTABLISHED"
		out[1].title, out[2].title = "EVT", "PROT"
	} else if l.compact {
		out[2].at--
	}
	if l.netns > 0 {
		out = append(out, eventTitle{l.netns, "NETNS", eventColumns})
	}
	at := l.way
	for i, title := range []string{"SOURCE", "SENT AS", "DESTINATION", "DELIVERED TO"} {
		at += paint.Width(l.sign(i))
		out = append(out, eventTitle{at, title, evFrom + eventColumn(i)})
		at += len(title)
	}
	return out
}

// sign is what stands before an end in the heading.
func (l *eventLayout) sign(end int) string {
	switch {
	case end == wayFrom:
		return ""
	case end == wayTo && l.compact:
		return "→"
	case end == wayTo:
		return " → "
	}
	return waySigns[l.form()]
}

func (l *eventLayout) heading(at eventColumn) paint.Line {
	var out paint.Line
	for _, t := range l.titles() {
		if t.col > evFrom && t.col < eventColumns {
			out.Add(paint.Muted, l.sign(int(t.col-evFrom)))
		}
		out.Pad(t.at)
		role := paint.Label
		if t.col == at {
			role = paint.Match
		}
		out.Add(role, t.title)
	}
	out.Cut(l.width)
	return out
}

// columnAt returns the column whose name stands over a cell of the screen, or
// begins before it.
func (l *eventLayout) columnAt(x int) (col eventColumn, ok bool) {
	for _, t := range l.titles() {
		if x >= t.at && t.col < eventColumns {
			col, ok = t.col, true
		}
	}
	return col, ok
}
