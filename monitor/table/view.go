package table

// View answers a query. Rows that come, go or change meanwhile may or may not be
// seen, and two rows may be in the order of values that they no longer have.
func (t *Table) View(q Query) View {
	v := View{Changes: t.Changes()}
	s := t.newScanner(&q, &v)
	if t.scan(s); v.Cut {
		return v
	}
	above, below := s.above.sorted(), s.below.sorted()
	v.Before = s.before - len(above)
	v.Rows = make([]ViewRow, 0, len(above)+len(below))
	for _, p := range above {
		v.Rows = t.appendViewRow(v.Rows, p)
	}
	v.At = len(v.Rows)
	for _, p := range below {
		v.Rows = t.appendViewRow(v.Rows, p)
	}
	return v
}

// appendViewRow appends a row as it is now, unless it is gone since the scan.
func (t *Table) appendViewRow(rows []ViewRow, p placed) []ViewRow {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows.at(p.index).gen == p.place.Gen {
		rows = append(rows, ViewRow{Index: p.index, Place: p.place})
		t.rows.load(p.index, &rows[len(rows)-1].Row)
	}
	return rows
}
