package findings

import (
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// ref identifies a row of the table.
type ref struct {
	row uint32
	gen uint64
}

// maxExamples is how many flows of a group a finding shows.
const maxExamples = 4

// group is what a scan keeps of flows that belong together.
type group struct {
	old      uint32 // flows that have the age that their rule asks for
	n        uint32 // examples
	examples [maxExamples]ref
}

// add adds a flow.
func (g *group) add(flow ref, old bool) {
	if old {
		g.old++
	}
	if g.n < maxExamples {
		g.examples[g.n] = flow
		g.n++
	}
}

// refs returns the examples that still exist.
func (e *Engine) refs(g *group) []monitor.FlowRef { return e.rows(g.examples[:g.n]) }

// rows returns those of some flows that still exist.
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

// aged reports whether the flow is as old as a threshold asks for. If its birth was not
// seen, its age counts from the first message about it.
func (s *scan) aged(r *table.Row, by threshold) bool {
	born := r.Born()
	if born == 0 {
		born = r.First
	}
	return float64(s.now-born) >= s.thresholds[by]*float64(time.Second)
}
