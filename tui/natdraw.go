package tui

import (
	"natlens/monitor"
	"natlens/tui/paint"
)

// natLayout is the columns of the NAT page for a width; a column of width 0 is
// left out.
type natLayout struct {
	width                                                        int
	to, proto, flows, bar, use, kept, rewritten, inside, outside int
}

func layOutNAT(width int) natLayout {
	l := natLayout{width: width, to: 17, proto: 6, flows: 7, bar: 6, use: 6, kept: 5}
	switch {
	case width >= 150:
		l.to, l.proto, l.flows, l.bar, l.use, l.kept, l.rewritten = 30, 7, 8, 20, 16, 5, 9
	case width >= 100:
		l.to, l.proto, l.bar = 19, 7, 8
	}
	rest := width - marginLeft - marginRight - l.to
	for _, w := range []int{l.proto, l.flows, l.bar + 1 + l.use, l.kept, l.rewritten} {
		if w > 0 {
			rest -= columnGap + w
		}
	}
	switch {
	case width >= 100:
		l.inside = (rest - 2*columnGap) * 45 / 100
		l.outside = rest - 2*columnGap - l.inside
	case rest >= columnGap+12:
		l.inside = rest - columnGap
	}
	return l
}

func (l *natLayout) heading() drawn {
	var d drawn
	d.line.Pad(marginLeft)
	d.line.AddLeft(paint.Label, "TRANSLATED TO", l.to)
	l.left(&d.line, paint.Label, "PROTO", l.proto)
	l.right(&d.line, paint.Label, "FLOWS", l.flows)
	title := "PORTS IN USE"
	l.left(&d.line, paint.Label, title, l.bar+1+l.use)
	l.right(&d.line, paint.Label, "KEPT", l.kept)
	l.right(&d.line, paint.Label, "REWRITTEN", l.rewritten)
	l.left(&d.line, paint.Label, "BUSIEST INSIDE", l.inside)
	l.left(&d.line, paint.Label, "BUSIEST OUTSIDE", l.outside)
	d.line.Cut(l.width)
	return d
}

func (l *natLayout) left(line *paint.Line, r paint.Role, text string, width int) {
	if width > 0 {
		line.Pad(line.Width() + columnGap)
		line.AddLeft(r, text, width)
	}
}

func (l *natLayout) right(line *paint.Line, r paint.Role, text string, width int) {
	if width > 0 {
		line.AddRight(r, text, width+columnGap)
	}
}

func (l *natLayout) row(s *session, p *pool, cursor bool) drawn {
	var d drawn
	if cursor {
		d.base = paint.Selected
		d.line.Add(paint.Key, " ▌")
	}
	d.line.Pad(marginLeft)
	if p.key.dnat {
		l.dnat(&d.line, s, p)
	} else {
		l.snat(&d.line, s, p)
	}
	d.line.Fit(l.width)
	return d
}

func (l *natLayout) snat(line *paint.Line, s *session, p *pool) {
	line.AddLeft(paint.NAT, fitEndpoint(addrName(s, p.key.addr.Addr), l.to), l.to)
	l.left(line, paint.Text, p.key.proto.String(), l.proto)
	l.right(line, paint.Text, shortCount(uint64(p.flows)), l.flows)
	role := level(p.used())
	l.left(line, role, bar(p.used(), l.bar), l.bar)
	use := percentText(p.used())
	if l.use >= 15 {
		use += " of " + countText(uint64(p.size()))
	}
	if role == paint.Bar {
		role = paint.Text
	}
	line.Add(role, " ")
	line.AddLeft(role, use, l.use)
	l.right(line, paint.Text, percentText(float64(p.kept)/float64(p.flows)), l.kept)
	l.right(line, paint.Text, percentText(float64(p.rewritten)/float64(p.flows)), l.rewritten)
	l.left(line, paint.Text, l.busy(busiestText(s, p.key.proto, p.busiestIn, true), "("+shortCount(uint64(p.busiestIn.flows))+")", l.inside), l.inside)
	share := percentText(float64(p.busiestOut.flows) / float64(p.flows))
	l.left(line, paint.Text, l.busy(busiestText(s, p.key.proto, p.busiestOut, false), "("+share+")", l.outside), l.outside)
}

// busy cuts the address, not the number behind it.
func (l *natLayout) busy(address, number string, width int) string {
	return fitEndpoint(address, width-paint.Width(number)-1) + " " + number
}

// dnat draws a service and who gets it; it has no ports to run out of.
func (l *natLayout) dnat(line *paint.Line, s *session, p *pool) {
	line.AddLeft(paint.NAT, fitEndpoint("⇒ "+s.names.endpoint(p.key.proto, p.key.to), l.to), l.to)
	l.left(line, paint.Text, p.key.proto.String(), l.proto)
	l.right(line, paint.Text, shortCount(uint64(p.flows)), l.flows)
	width := l.bar + 1 + l.use
	room := width + columnGap + l.kept
	if l.rewritten > 0 {
		room += columnGap + l.rewritten
	}
	l.left(line, paint.Muted, fitEndpoint("for "+s.names.endpoint(p.key.proto, p.key.addr), room), room)
	l.left(line, paint.Text, "", l.inside)
	if l.outside > 0 {
		text := l.busy(busiestText(s, p.key.proto, p.busiestIn, true), "("+shortCount(uint64(p.busiestIn.flows))+")", l.outside)
		l.left(line, paint.Text, text, l.outside)
	}
}

// addrName is the name of an address, or the address.
func addrName(s *session, a monitor.Addr) string {
	if n := s.names.addr(a.Netip()); n != "" {
		return n
	}
	return a.String()
}
