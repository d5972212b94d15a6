package csv

import (
	"bytes"

	"natlens/export/text"
	"natlens/monitor"
)

// line is the current event and the values of its cells.
type line struct {
	b      []byte
	e      *monitor.Event
	f      *monitor.Flow
	t      *monitor.Tuple // the original direction, or the reply if only that is known
	x      *monitor.Extra // not nil
	gap    *monitor.Gap   // not nil
	hasGap bool
	has    monitor.Attrs
	nat    monitor.NATKind // 0 also if a direction is unknown
	netns  []byte

	ts, start, stop text.RFC3339
}

var (
	noExtra monitor.Extra
	noGap   monitor.Gap
)

func (l *line) set(e *monitor.Event, netns string) {
	l.e, l.f, l.t, l.has, l.netns = e, &e.Flow, &e.Flow.Orig, e.Known(), append(l.netns[:0], netns...)
	if !l.knows(monitor.AttrOrig) {
		l.t = &e.Flow.Reply
	}
	if l.nat = 0; l.has.All(monitor.AttrOrig | monitor.AttrReply) {
		l.nat = e.Flow.NAT().Kind
	}
	if l.x = e.Extra; l.x == nil {
		l.x = &noExtra
	}
	l.hasGap = e.Kind == monitor.KindLost || e.Kind == monitor.KindResynced
	if l.gap = e.Gap; l.gap == nil || !l.hasGap {
		l.gap = &noGap
	}
}

func (l *line) knows(a monitor.Attrs) bool { return l.has&a != 0 }

func (l *line) word(known bool, word string) {
	if known {
		l.b = append(l.b, word...)
	}
}

func (l *line) number(known bool, n uint64) {
	if known {
		l.b = text.AppendUint(l.b, n)
	}
}

func (l *line) time(known bool, c *text.RFC3339, t monitor.Time) {
	if known && t != 0 {
		l.b = c.AppendTo(l.b, t)
	}
}

func (l *line) addr(known bool, a monitor.Addr) {
	if known {
		l.b = text.AppendAddr(l.b, &a, l.t.Family)
	}
}

// port appends a port, or what the protocol has instead: a key of GRE.
func (l *line) port(known bool, port uint16) {
	l.number(known && (l.t.Proto.HasPorts() || l.t.Proto == monitor.GRE), uint64(port))
}

// senderPort is port for the sender, to whom an ICMP id belongs.
func (l *line) senderPort(known bool, port uint16) {
	l.port(known, port)
	l.number(known && l.t.Proto.IsICMP(), uint64(port))
}

func (l *line) icmp(n uint8) { l.number(l.knows(monitor.AttrOrig) && l.t.Proto.IsICMP(), uint64(n)) }

func (l *line) foreign(known bool, value []byte) {
	if known {
		l.b = foreign(l.b, value)
	}
}

// foreign appends untrusted text. A spreadsheet would compute a cell that begins with = + - or @.
func foreign(b, value []byte) []byte {
	start := len(b)
	b = monitor.AppendEscaped(append(b, `"'`...), value)
	cell := b[start+2:]
	if bare := bytes.TrimLeft(cell, " "); len(bare) > 0 && bytes.IndexByte([]byte("=+-@"), bare[0]) >= 0 {
		cell = b[start+1:]
	}
	if !bytes.ContainsAny(cell, `", `) {
		return append(b[:start], cell...)
	}
	n := copy(b[start+1:], cell)
	b = b[:start+1+n]
	for i := start + 1; i < len(b); i++ {
		if b[i] == '"' {
			b = append(b, 0)
			copy(b[i+1:], b[i:])
			i++
		}
	}
	return append(b, '"')
}
