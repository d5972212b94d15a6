package csv

import (
	"cmp"
	"fmt"
	"strings"

	"natlens/export/text"
	"natlens/monitor"
)

// line is the current event and the values of its cells.
type line struct {
	e      *monitor.Event
	f      *monitor.Flow
	t      *monitor.Tuple // the original direction, or the reply if only that is known
	x      *monitor.Extra // not nil
	gap    *monitor.Gap   // not nil
	hasGap bool
	has    monitor.Attrs
	nat    monitor.NATKind // 0 also if a direction is unknown
	netns  string

	clock text.RFC3339
}

var (
	noExtra monitor.Extra
	noGap   monitor.Gap
)

func (l *line) set(e *monitor.Event, netns string) {
	l.e, l.f, l.t, l.has, l.netns = e, &e.Flow, &e.Flow.Orig, e.Known(), netns
	if l.has&monitor.AttrOrig == 0 {
		l.t = &e.Flow.Reply
	}
	if l.nat = 0; l.has.All(monitor.AttrOrig | monitor.AttrReply) {
		l.nat = e.Flow.NAT().Kind
	}
	l.hasGap = e.Kind == monitor.KindLost || e.Kind == monitor.KindResynced
	if l.x, l.gap = cmp.Or(e.Extra, &noExtra), &noGap; l.hasGap {
		l.gap = cmp.Or(e.Gap, &noGap)
	}
}

// when returns the value, or nil.
func when(known bool, value any) any {
	if known {
		return value
	}
	return nil
}

func (l *line) known(a monitor.Attrs, value any) any { return when(l.has&a != 0, value) }

// port returns a port, or what the protocol has instead: a key of GRE.
func (l *line) port(port uint16) any {
	return when(l.t.Proto.HasPorts() || l.t.Proto == monitor.GRE, port)
}

// senderPort is port for the sender, to whom an ICMP id belongs.
func (l *line) senderPort(port uint16) any {
	if l.t.Proto.IsICMP() {
		return port
	}
	return l.port(port)
}

func (l *line) icmp(n uint8) any { return l.known(monitor.AttrOrig, when(l.t.Proto.IsICMP(), n)) }

// append appends a cell.
func (l *line) append(b []byte, cell any) []byte {
	switch v := cell.(type) {
	case nil:
		return b
	case []byte:
		return append(b, v...)
	case monitor.Addr:
		return text.AppendAddr(b, &v, l.t.Family)
	case monitor.Time:
		if v == 0 {
			return b
		}
		return l.clock.AppendTo(b, v)
	}
	return fmt.Append(b, cell)
}

// foreign returns a cell of untrusted text. A spreadsheet would compute a cell that begins with = + - or @.
func foreign(value string) string {
	cell := monitor.Escape(value)
	if bare := strings.TrimLeft(cell, " "); bare != "" && strings.IndexByte("=+-@", bare[0]) >= 0 {
		cell = "'" + cell
	}
	if strings.ContainsAny(cell, `", `) {
		cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
	}
	return cell
}
