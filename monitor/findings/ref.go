package findings

import "natlens/monitor"

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
