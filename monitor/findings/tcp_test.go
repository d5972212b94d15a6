package findings

import (
	"fmt"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// syns are connections of a host to ports of a destination that nobody answers.
func syns(from, to string, n int) (flows []flow) {
	for i := range n {
		flows = append(flows, flow{proto: monitor.TCP, from: fmt.Sprintf("%s:%d", from, 1000+i), to: to, state: monitor.TCPSynSent})
	}
	return flows
}

func TestUnanswered(t *testing.T) {
	w := newWorld(t, nil)
	w.see(monitor.KindNew, syns("192.168.0.2", "203.0.113.66:81", 19)...)
	w.pass(6 * time.Second)
	w.expect("nineteen", nil, nil)
	more := syns("192.168.0.3", "203.0.113.66:81", 2)
	w.see(monitor.KindNew, more...)
	w.pass(2 * time.Second)
	w.expect("not of age", nil, nil)
	w.pass(4 * time.Second)
	w.expect("of age", []string{"syn-unanswered 203.0.113.66:81"}, nil)
	f := w.engine.Snapshot()[0]
	golden.Words(t, "of age", f.Text)
	if f.Flows != 21 || w.selected(f.Filter) != 21 || len(f.Examples) != 4 {
		t.Errorf("%+v; selected %d", f, w.selected(f.Filter))
	}
	w.see(monitor.KindDestroy, syns("192.168.0.2", "203.0.113.66:81", 11)...)
	w.pass(3 * time.Second)
	w.expect("ten left", nil, nil)
	w.see(monitor.KindDestroy, more...)
	w.pass(3 * time.Second)
	w.expect("eight left", nil, []string{"syn-unanswered 203.0.113.66:81"})
}
