package nat

import (
	"strings"

	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// layout is the columns for a width; a column of width 0 is left out.
type layout struct {
	width, gap                                                   int
	netns                                                        int
	to, proto, flows, bar, use, kept, rewritten, inside, outside int
}

// layOut chooses the columns. Addresses that are longer than their share get room from
// those that are shorter.
func layOut(s *page.Session, width int, pools []pool) layout {
	l := layout{width: width, gap: paint.Gap}
	switch {
	case width >= 150:
		l.to, l.proto, l.flows, l.bar, l.use, l.kept, l.rewritten = 20, 7, 8, 16, 16, 5, 9
	case width >= 100:
		l.to, l.proto, l.flows, l.bar, l.use, l.kept = 19, 6, 7, 8, 6, 5
	default:
		l.gap, l.to, l.proto, l.flows, l.use = 1, 17, len("PROTO"), 6, 6
		if width >= 72 {
			l.kept = 5
		}
	}
	for i := range pools {
		l.proto = max(l.proto, len(pools[i].key.proto.String()))
		if s.Several() {
			l.netns = max(l.netns, page.NetNSWidth(width, s.NetNS(pools[i].key.netns)))
		}
	}
	rest := width - paint.MarginLeft - paint.MarginRight - l.to - l.room(
		l.netns,
		l.proto,
		l.flows,
		l.inUse(),
		l.kept,
		l.rewritten,
	)
	if rest >= 28 {
		l.inside = (rest - 2*l.gap) * 47 / 100
		l.outside = rest - 2*l.gap - l.inside
	} else {
		l.inside = rest - l.gap
	}
	share := []int{l.to, l.inside, l.outside}
	paint.Lend(share, l.needs(s, pools))
	l.to, l.inside, l.outside = share[0], share[1], share[2]
	return l
}

// room is what columns take with the gaps before them.
func (l *layout) room(widths ...int) (sum int) {
	for _, w := range widths {
		if w > 0 {
			sum += l.gap + w
		}
	}
	return sum
}

// inUse is the width of PORTS IN USE: the bar and the share.
func (l *layout) inUse() int {
	if l.bar == 0 {
		return l.use
	}
	return l.bar + 1 + l.use
}

// needs is how wide the columns of addresses would have to be.
func (l *layout) needs(s *page.Session, pools []pool) []int {
	out := []int{len("TRANSLATED TO"), len("BUSIEST INSIDE"), len("BUSIEST OUTSIDE")}
	for i := range pools {
		p := &pools[i]
		to, inside, outside := cells(s, p)
		out[0], out[2] = max(out[0], to.width()), max(out[2], outside.width())
		if !p.key.dnat { // else it has the columns before too
			out[1] = max(out[1], inside.width())
		}
	}
	if l.outside == 0 {
		out[2] = 0
	}
	return out
}

// cells are the addresses of a row. A published service has in the middle the service, and
// outside who uses it most.
func cells(s *page.Session, p *pool) (to, inside, outside text) {
	busiest := text{end: s.Names.Host(p.busiestIn.at.Addr), number: "(" + human.Short(uint64(p.busiestIn.flows)) + ")"}
	if p.key.dnat {
		return text{sign: "⇒ ", end: s.Names.Endpoint(p.key.proto, p.key.to)},
			text{sign: "for ", end: s.Names.Endpoint(p.key.proto, p.key.addr)}, busiest
	}
	share := human.Percent(float64(p.busiestOut.flows) / float64(p.flows))
	return text{end: s.Names.Host(p.key.addr.Addr)}, busiest,
		text{end: s.Names.Endpoint(p.key.proto, p.busiestOut.at), number: "(" + share + ")"}
}

// text is an address with a sign before it and a number behind it.
type text struct {
	sign   string
	end    page.EndText
	number string
}

func (t text) width() int {
	n := paint.Width(t.sign) + t.end.Width()
	if t.number != "" {
		n += 1 + paint.Width(t.number)
	}
	return n
}

// fit writes it in so many cells. In few cells the number is left out before the address is
// cut.
func (t text) fit(width int) string {
	room, number := width-paint.Width(t.sign), ""
	if t.number != "" {
		number = " " + t.number
	}
	if number != "" && t.end.Width()+paint.Width(number) > room && width < 20 {
		number = ""
	}
	return t.sign + t.end.Fit(room-paint.Width(number)).String() + number
}

func (l *layout) heading() paint.Line {
	out := paint.Row(false)
	out.AddLeft(paint.Label, "TRANSLATED TO", l.to)
	l.left(&out, paint.Label, "NETNS", l.netns)
	l.left(&out, paint.Label, "PROTO", l.proto)
	l.right(&out, paint.Label, "FLOWS", l.flows)
	if l.bar > 0 {
		l.left(&out, paint.Label, "PORTS IN USE", l.inUse())
	} else {
		l.right(&out, paint.Label, "IN USE", l.use)
	}
	l.right(&out, paint.Label, "KEPT", l.kept)
	l.right(&out, paint.Label, "REWRITTEN", l.rewritten)
	for _, c := range []struct {
		title string
		width int
	}{{"BUSIEST INSIDE", l.inside}, {"BUSIEST OUTSIDE", l.outside}} {
		if len(c.title) > c.width {
			c.title = strings.TrimPrefix(c.title, "BUSIEST ")
		}
		l.left(&out, paint.Label, c.title, c.width)
	}
	out.Cut(l.width)
	return out
}

func (l *layout) left(line *paint.Line, r paint.Role, text string, width int) {
	if width > 0 {
		line.Pad(line.Width() + l.gap)
		line.AddLeft(r, text, width)
	}
}

func (l *layout) right(line *paint.Line, r paint.Role, text string, width int) {
	if width > 0 {
		line.AddRight(r, text, width+l.gap)
	}
}

func (l *layout) row(s *page.Session, p *pool, cursor bool) paint.Line {
	out := paint.Row(cursor)
	to, inside, outside := cells(s, p)
	out.AddLeft(paint.NAT, to.fit(l.to), l.to)
	l.left(&out, paint.Text, s.NetNS(p.key.netns), l.netns)
	l.left(&out, paint.Text, p.key.proto.String(), l.proto)
	l.right(&out, paint.Text, human.Short(uint64(p.flows)), l.flows)
	if p.key.dnat { // a service has no ports that could run out
		room := l.room(l.kept, l.rewritten, l.inside) + l.inUse()
		l.left(&out, paint.Muted, inside.fit(room), room)
	} else {
		l.ports(&out, p)
		l.left(&out, paint.Text, inside.fit(l.inside), l.inside)
	}
	l.left(&out, paint.Text, outside.fit(l.outside), l.outside)
	out.Fit(l.width)
	return out
}

// ports draws how many of an address's ports are in use, and how they were chosen.
func (l *layout) ports(line *paint.Line, p *pool) {
	use := human.Percent(p.used)
	if l.use >= 15 {
		use += " of " + human.Count(uint64(p.size))
	}
	if l.bar > 0 {
		line.Pad(line.Width() + l.gap)
		line.Bar(paint.Level(p.used, paint.Bar), p.used, l.bar)
		line.Add(paint.Level(p.used, paint.Bar), " ")
		line.AddLeft(paint.Level(p.used, paint.Text), use, l.use)
	} else {
		l.right(line, paint.Level(p.used, paint.Text), use, l.use)
	}
	l.right(line, paint.Text, human.Percent(float64(p.kept)/float64(p.flows)), l.kept)
	l.right(line, paint.Text, human.Percent(float64(p.rewritten)/float64(p.flows)), l.rewritten)
}
