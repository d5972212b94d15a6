package tui

import (
	"sync/atomic"

	"natlens/monitor"
)

// lookOver goes over the table once. see gets every row, and whether the filter
// wants it; nil wants all. It returns false if it was stopped before the end.
func lookOver(t *monitor.Table, keep monitor.Filter, now monitor.Time, stop *atomic.Bool, see func(r *monitor.Row, wanted bool)) (whole bool) {
	whole = true
	var e monitor.Event
	t.Scan(func(i uint32, r *monitor.Row, x *monitor.Extra) bool {
		if i%1024 == 0 && stop.Load() {
			whole = false
			return false
		}
		if keep != nil {
			r.Event(i, x, now, &e)
		}
		see(r, keep == nil || keep(&e))
		return true
	})
	return whole
}
