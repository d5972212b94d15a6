package tui

import (
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/paint"
	"strings"
)

// natLayout is the columns of the NAT page for a width; a column of width 0 is
// left out.
type natLayout struct {
	width, gap                                                   int
	netns                                                        int
	to, proto, flows, bar, use, kept, rewritten, inside, outside int
}

// layOutNAT chooses the columns. Of the addresses, those that are longer than
// their share get room of those that are shorter.
func layOutNAT(s *session, width int, pools []pool) natLayout {
	l := natLayout{width: width, gap: columnGap}
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
		if s.several() {
			l.netns = max(l.netns, netnsWidth(width, s.netns(pools[i].key.netns)))
		}
	}
	rest := width - marginLeft - marginRight - l.to
	for _, w := range []int{l.netns, l.proto, l.flows, l.inUse(), l.kept, l.rewritten} {
		if w > 0 {
			rest -= l.gap + w
		}
	}
	if rest >= 28 {
		l.inside = (rest - 2*l.gap) * 47 / 100
		l.outside = rest - 2*l.gap - l.inside
	} else {
		l.inside = rest - l.gap
	}
	share := []int{l.to, l.inside, l.outside}
	lend(share, l.needs(s, pools))
	l.to, l.inside, l.outside = share[0], share[1], share[2]
	return l
}

// inUse is the width of PORTS IN USE: the bar and the share.
func (l *natLayout) inUse() int {
	if l.bar == 0 {
		return l.use
	}
	return l.bar + 1 + l.use
}

// needs is how wide the columns of addresses would have to be.
func (l *natLayout) needs(s *session, pools []pool) []int {
	out := []int{len("TRANSLATED TO"), len("BUSIEST INSIDE"), len("BUSIEST OUTSIDE")}
	for i := range pools {
		p := &pools[i]
		to, inside, outside := l.cells(s, p)
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

// cells are the addresses of a row. A published service has in the middle for
// whom it stands, and outside who uses it most.
func (l *natLayout) cells(s *session, p *pool) (to, inside, outside busyText) {
	if p.key.dnat {
		return busyText{sign: "⇒ ", end: s.names.endpoint(p.key.proto, p.key.to)},
			busyText{sign: "for ", end: s.names.endpoint(p.key.proto, p.key.addr)},
			busyText{end: addrText(s, p.busiestIn.at.Addr), number: "(" + human.Short(uint64(p.busiestIn.flows)) + ")"}
	}
	share := human.Percent(float64(p.busiestOut.flows) / float64(p.flows))
	return busyText{end: addrText(s, p.key.addr.Addr)},
		busyText{end: addrText(s, p.busiestIn.at.Addr), number: "(" + human.Short(uint64(p.busiestIn.flows)) + ")"},
		busyText{end: s.names.endpoint(p.key.proto, p.busiestOut.at), number: "(" + share + ")"}
}

// busyText is an address with a sign before it and a number behind it.
type busyText struct {
	sign   string
	end    endText
	number string
}

func (b busyText) width() int {
	n := paint.Width(b.sign) + b.end.width()
	if b.number != "" {
		n += 1 + paint.Width(b.number)
	}
	return n
}

// fit writes it in so many cells. The address goes before the number if both
// would be cut.
func (b busyText) fit(width int) string {
	room := width - paint.Width(b.sign)
	if b.number == "" {
		return b.sign + b.end.fit(room).String()
	}
	number := " " + b.number
	if b.end.width()+paint.Width(number) > room && width < 20 {
		number = ""
	}
	return b.sign + b.end.fit(room-paint.Width(number)).String() + number
}

func (l *natLayout) heading() drawn {
	var d drawn
	d.line.Pad(marginLeft)
	d.line.AddLeft(paint.Label, "TRANSLATED TO", l.to)
	l.left(&d.line, paint.Label, "NETNS", l.netns)
	l.left(&d.line, paint.Label, "PROTO", l.proto)
	l.right(&d.line, paint.Label, "FLOWS", l.flows)
	if l.bar > 0 {
		l.left(&d.line, paint.Label, "PORTS IN USE", l.inUse())
	} else {
		l.right(&d.line, paint.Label, "IN USE", l.use)
	}
	l.right(&d.line, paint.Label, "KEPT", l.kept)
	l.right(&d.line, paint.Label, "REWRITTEN", l.rewritten)
	for _, c := range []struct {
		title string
		width int
	}{{"BUSIEST INSIDE", l.inside}, {"BUSIEST OUTSIDE", l.outside}} {
		if len(c.title) > c.width {
			c.title = strings.TrimPrefix(c.title, "BUSIEST ")
		}
		l.left(&d.line, paint.Label, c.title, c.width)
	}
	d.line.Cut(l.width)
	return d
}

func (l *natLayout) left(line *paint.Line, r paint.Role, text string, width int) {
	if width > 0 {
		line.Pad(line.Width() + l.gap)
		line.AddLeft(r, text, width)
	}
}

func (l *natLayout) right(line *paint.Line, r paint.Role, text string, width int) {
	if width > 0 {
		line.AddRight(r, text, width+l.gap)
	}
}

func (l *natLayout) row(s *session, p *pool, cursor bool) drawn {
	var d drawn
	if cursor {
		d.base = paint.Selected
		d.line.Add(paint.Key, " ▌")
	}
	d.line.Pad(marginLeft)
	to, inside, outside := l.cells(s, p)
	d.line.AddLeft(paint.NAT, to.fit(l.to), l.to)
	l.left(&d.line, paint.Text, s.netns(p.key.netns), l.netns)
	l.left(&d.line, paint.Text, p.key.proto.String(), l.proto)
	l.right(&d.line, paint.Text, human.Short(uint64(p.flows)), l.flows)
	if p.key.dnat {
		l.service(&d.line, inside)
	} else {
		l.ports(&d.line, p)
		l.left(&d.line, paint.Text, inside.fit(l.inside), l.inside)
	}
	l.left(&d.line, paint.Text, outside.fit(l.outside), l.outside)
	d.line.Fit(l.width)
	return d
}

// ports draws how many of an address's ports are in use, and how they were
// chosen.
func (l *natLayout) ports(line *paint.Line, p *pool) {
	role := level(p.used)
	use := human.Percent(p.used)
	if l.use >= 15 {
		use += " of " + human.Count(uint64(p.size))
	}
	if l.bar > 0 {
		line.Pad(line.Width() + l.gap)
		addBar(line, role, p.used, l.bar)
		line.Add(role, " ")
	}
	if role == paint.Bar {
		role = paint.Text
	}
	if l.bar > 0 {
		line.AddLeft(role, use, l.use)
	} else {
		l.right(line, role, use, l.use)
	}
	l.right(line, paint.Text, human.Percent(float64(p.kept)/float64(p.flows)), l.kept)
	l.right(line, paint.Text, human.Percent(float64(p.rewritten)/float64(p.flows)), l.rewritten)
}

// service draws what a published service stands for: it has no ports to run out
// of.
func (l *natLayout) service(line *paint.Line, stands busyText) {
	room := l.inUse()
	for _, w := range []int{l.kept, l.rewritten, l.inside} {
		if w > 0 {
			room += l.gap + w
		}
	}
	l.left(line, paint.Muted, stands.fit(room), room)
}

// addrText is the name of an address, or the address.
func addrText(s *session, a monitor.Addr) endText {
	if n := s.names.addr(a.Netip()); n != "" {
		return endText{host: n}
	}
	return endText{host: a.String()}
}
