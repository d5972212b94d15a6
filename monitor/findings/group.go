package findings

import (
	"net/netip"
	"strings"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// key identifies a group of flows of one network namespace: by an address, an endpoint,
// or two of them. What a rule does not group by is zero. Its fields have no gaps, so
// that it is hashed in one go.
type key struct {
	addr, peer     monitor.Addr
	port, peerPort uint16
	netns          monitor.NetNS
	proto          monitor.Proto
}

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

// rows returns the first of some flows that still exist.
func (e *Engine) rows(all []ref) (flows []monitor.FlowRef) {
	if e.cfg.Table == nil {
		return nil
	}
	for _, x := range all[:min(len(all), maxExamples)] {
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
	return s.cfg.Thresholds.reached(by, s.now-born)
}

// figures are the numbers behind a finding.
func figures(flows uint64, limit float64, more ...monitor.Figure) []monitor.Figure {
	return append([]monitor.Figure{{Name: "flows", Value: float64(flows)}, {Name: "limit", Value: limit}}, more...)
}

// endpoint writes an address with a port.
func endpoint(a monitor.Addr, port uint16) string {
	return netip.AddrPortFrom(a.Netip(), port).String()
}

// text writes the value of a threshold that is a time.
func (e *Engine) text(t threshold) string {
	text := time.Duration(e.cfg.Thresholds[t] * float64(time.Second)).String()
	for _, zero := range [...]string{"m0s", "h0m"} { // of 1h0m0s
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
