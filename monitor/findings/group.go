package findings

import (
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// ref names a row of the table.
type ref struct {
	row uint32
	gen uint64
}

// maxExamples is how many flows of a group a finding shows.
const maxExamples = 4

// group is what is kept of flows that belong together.
type group struct {
	old      uint32 // how many are of age
	n        uint32 // examples
	examples [maxExamples]ref
}

// add takes a flow into the group.
func (g *group) add(row uint32, r *table.Row, old bool) { g.take(ref{row, r.Gen}, old) }

// take is add for a flow that was not unpacked.
func (g *group) take(flow ref, old bool) {
	if old {
		g.old++
	}
	if g.n < maxExamples {
		g.examples[g.n] = flow
		g.n++
	}
}

// refs names the flows of a group that are still there.
func (e *Engine) refs(g *group) []monitor.FlowRef { return e.rows(g.examples[:g.n]) }

// rows names those of some flows that are still there.
func (e *Engine) rows(all []ref) (flows []monitor.FlowRef) {
	if e.cfg.Table == nil {
		return nil
	}
	for _, x := range all {
		if r, _, ok := e.cfg.Table.Get(x.row, x.gen); ok {
			flows = append(flows, monitor.FlowRef{Row: x.row, Gen: x.gen, Orig: r.Flow.Orig})
		}
	}
	return flows
}

// older reports whether the flow is at least as old as the limit says. Where its
// birth was not seen, it counts from when it was first heard of.
func (l *look) older(r *table.Row, by limit) bool {
	born := r.Born()
	if born == 0 {
		born = r.First
	}
	return float64(l.now-born) >= l.limits[by]*float64(time.Second)
}
