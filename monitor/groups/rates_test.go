package groups

import (
	"testing"

	"natlens/monitor"
)

func TestRates(t *testing.T) {
	const second = monitor.Time(1e9)
	var r Rates
	read := func(begin, at monitor.Time, e *monitor.Event) Sums {
		r.Begin(begin * second)
		e.Time = at * second
		s := Of(e)
		r.Add(e, &s)
		return s
	}
	check := func(what string, s Sums, new, rated uint64, up, down float64) {
		t.Helper()
		if s.New != new || s.Rated != rated || s.Rate != (Both[float64]{up, down}) {
			t.Errorf("%s: new %d, rated %d, rate %v", what, s.New, s.Rated, s.Rate)
		}
	}
	f := flow(monitor.TCP, "10.0.0.1", "192.0.2.9", 443, 1000, 5000)
	check("first reading", read(100, 101, f), 0, 0, 0, 0)
	f = flow(monitor.TCP, "10.0.0.1", "192.0.2.9", 443, 1200, 6000)
	check("two seconds later", read(102, 103, f), 0, 1, 100, 500)
	check("unchanged", read(104, 105, f), 0, 1, 0, 0)
	f = flow(monitor.TCP, "10.0.0.1", "192.0.2.9", 443, 40, 30)
	check("another flow with the tuple", read(109, 114, f), 1, 1, 4, 3)
	f.Flow.ID = 7
	check("another id", read(124, 129, f), 1, 1, 2, 1.5)
	old := flow(monitor.TCP, "10.0.0.2", "192.0.2.9", 443, 1000, 5000)
	old.Has |= monitor.AttrStart
	old.Flow.Start = 3 * second
	check("a flow that the last reading missed", read(130, 131, old), 0, 0, 0, 0)
	r = Rates{}
	bare := flow(monitor.TCP, "10.0.0.3", "192.0.2.9", 443, 0, 0)
	read(100, 100, bare)
	check("without counters", read(101, 101, bare), 0, 0, 0, 0)
}
