package findings

import (
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

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

// aged reports whether the flow is as old as a threshold asks for. If its birth was not
// seen, its age counts from the first message about it.
func (s *scan) aged(r *table.Row, by threshold) bool {
	born := r.Born()
	if born == 0 {
		born = r.First
	}
	return float64(s.now-born) >= s.thresholds[by]*float64(time.Second)
}
