package flows

import (
	"cmp"
	"slices"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// layout is the columns that fit into a width.
type layout struct {
	columns []page.Column[row]
	form    page.WayForm // InFolds: the translated end is in the same column
	gap     int

	// ends are the starts of the ends' columns, and the end of the last one. With InFolds the
	// translated ends have none.
	ends    [4]int
	endsEnd int
}

// endWidths are the widths of a flow's ends in cells.
type endWidths [4]int

// endColumns are the columns of a flow's ends, in the order of a way.
var endColumns = [4]int{colSource, colSentAs, colDest, colDelivered}

// How the ends of a flow share their space, for IPv4 addresses of a small network. The sums are
// the minimum width of all ends beside optional columns.
var (
	endShare  = endWidths{18, 19, 16, 18}
	foldShare = endWidths{26, 0, 16, 0}
)

// Widths of ends. A column grows up to the typical width. Longer ends are exceptions and take
// space in their own row.
const (
	widestEndpoint = 47 // [IPv6]:port
	typicalEnd     = 23 // an IPv4 address with its port
	typicalFold    = 34 // with its translation
)

// present is which attributes the flows of a view have. A column without values is left out.
type present struct {
	counters, rates, mark, zone, helper, labels, local bool
	netns                                              int // width of the names of namespaces; 0: there are none
}

// add adds the attributes of a view to those of earlier ones.
func (p *present) add(v *table.View) {
	p.counters = p.counters || v.Seen.Any(counted)
	p.mark = p.mark || v.Marked
	p.zone = p.zone || v.Zoned
	p.helper = p.helper || v.Seen.Any(monitor.AttrHelper)
	p.labels = p.labels || v.Seen.Any(monitor.AttrLabels)
}

// layOut chooses columns for a width: always the ends of the flow, then the most useful others,
// as long as the ends stay readable.
func (p *Page) layOut() layout {
	width, has, places := p.Width, p.has, p.S.Env.Places != nil
	l := layout{form: page.InColumns, gap: paint.Gap}
	ids, share := []int{colProto, colState, colSource, colSentAs, colDest, colDelivered}, endShare
	foldBelow := page.FoldBelow
	if has.rates && p.choice == nil { // what a flag asked for has its column beside the rate
		if has.local {
			foldBelow += columnTable[colLocal].width + paint.Gap
		}
		if places {
			foldBelow += columnTable[colCountry].width + paint.Gap
		}
	}
	if width < foldBelow {
		l.form, l.gap, ids, share = page.InFolds, 1, []int{colProto, colState, colSource, colDest}, foldShare
	}
	widths := [columns]int{colNetNS: has.netns}
	for id := range columnTable {
		widths[id] = max(widths[id], columnTable[id].width)
	}
	if has.rates && width < 100 && p.choice == nil {
		widths[colNetNS] = min(widths[colNetNS], 8)
	}
	if l.form == page.InFolds { // "tcp  ", and ESTABLISHED without a blank before its mark
		widths[colProto]--
		widths[colState]--
	}
	extras := []int{} // as long as there is room
	for _, extra := range []struct {
		id int
		on bool
	}{
		{colNetNS, has.netns > 0}, {colRate, has.rates}, {colLocal, has.local},
		{colCountry, places && width >= 100}, {colAge, true},
		{colMark, has.mark && width >= 140}, {colZone, has.zone && width >= 140},
		{colHelper, has.helper && width >= 140}, {colLabels, has.labels && width >= 140},
		{colBytes, has.counters && width >= 100}, {colUp, has.rates && width >= 150},
		{colDown, has.rates && width >= 150}, {colLeft, width >= 130}, {colPackets, has.counters && width >= 140},
		{colBytesUp, has.counters && width >= 190}, {colBytesDown, has.counters && width >= 190},
		{colAS, places && width >= 160}, {colCity, places && width >= 180},
	} {
		if extra.on {
			extras = append(extras, extra.id)
		}
	}
	if p.choice != nil {
		ids, extras = ids[2:], nil // the ends
		widths[colNetNS] = max(widths[colNetNS], page.NetNSWidth(width, ""))
		for _, c := range p.choice {
			widths[c.id] = cmp.Or(c.Width, widths[c.id])
			if c.Name != Ends {
				extras = append(extras, c.id)
			}
		}
		if at := slices.Index(extras, p.By); at > 0 { // the sorted column has its space first
			extras = slices.Insert(slices.Delete(extras, at, at+1), 0, p.By)
		}
	}
	room := width - paint.MarginLeft - paint.MarginRight + l.gap
	for _, id := range ids {
		room -= widths[id] + l.gapBehind(id)
	}
	least := share[0] + share[1] + share[2] + share[3]
	if has.netns > 0 && l.form == page.InFolds {
		least -= 4 // for the rate
	}
	for _, id := range extras {
		if need := widths[id] + l.gap; room-need >= least {
			ids = append(ids, id)
			room -= need
		}
	}
	for i, w := range shares(share, least, room, p.needs) {
		widths[endColumns[i]] = w
	}
	l.place(p, ids, widths)
	return l
}

// gapBehind returns the number of spaces after a column: one less if most texts do not fill it.
func (l *layout) gapBehind(id int) int {
	if l.form == page.InColumns && (id == colProto || id == colState) {
		return l.gap - 1
	}
	return l.gap
}

// place sets the columns beside each other, and the mark of new flows at the edge.
func (l *layout) place(p *Page, ids []int, widths [columns]int) {
	slices.SortFunc(ids, func(a, b int) int { return cmp.Or(p.rank(a)-p.rank(b), a-b) })
	x := paint.MarginLeft
	for _, id := range ids {
		col := &columnTable[id]
		c := page.Column[row]{ID: id, Title: col.title, X: x, Width: widths[id], Right: col.right}
		if col.cell != nil {
			c.Cell = func(r *row, width int) (paint.Role, string) { return col.cell(p, r, width) }
		}
		switch i := slices.Index(endColumns[:], id); {
		case i >= 0:
			l.ends[i], l.endsEnd = x, x+c.Width
			if id == colSource {
				c.Draw = p.ends
			}
		case id == colProto:
			c.Spill = len("udplite") - c.Width
		}
		l.columns = append(l.columns, c)
		x += c.Width + l.gapBehind(id)
	}
	l.columns = append(l.columns, page.Column[row]{X: p.Width - 1, Width: 1, Cell: p.fresh})
}

// shares divides the space among the ends of the flow. A column that needs more than its share
// gets it from those that need less.
func shares(base endWidths, sum, room int, needs endWidths) (share endWidths) {
	last, left := 3, room
	if base[last] == 0 {
		last = 2
	}
	for i := range last {
		share[i] = min(room*base[i]/sum, widestEndpoint)
		left -= share[i]
	}
	share[last] = min(left, widestEndpoint+2)
	paint.Lend(share[:], needs[:])
	return share
}

// endCells returns the starts and widths of the ends in this row, and the total width with gap
// spaces between them.
func (l *layout) endCells(w *page.Way, gap int) (cells [4]paint.Cell, need int) {
	for i := range w {
		cells[i].At = l.ends[i]
		at := i
		if l.form == page.InFolds {
			at = i &^ 1 // in the cell of the original end
		}
		cells[at].Width += w[i].Width()
	}
	for i := range cells {
		if cells[i].Width > 0 {
			need += cells[i].Width + gap
		}
	}
	return cells, need - gap
}

// endNeeds returns the widths of the ends' columns for these rows: at least the previous ones,
// so that columns rarely move.
func (l *layout) endNeeds(names *page.Names, rows []row, needs endWidths) endWidths {
	most := typicalEnd
	if l.form == page.InFolds {
		most = typicalFold
	}
	for i := range rows {
		w := page.NewWay(names, &rows[i].Row.Flow, l.form)
		cells, _ := l.endCells(&w, 0)
		for c := range cells {
			needs[c] = max(needs[c], min(cells[c].Width, most))
		}
	}
	for i, id := range endColumns {
		if l.form == page.InColumns || i&1 == 0 {
			needs[i] = max(needs[i], len(columnTable[id].title)+1) // and the arrow of the order
		}
	}
	return needs
}
