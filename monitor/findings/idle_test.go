package findings

import (
	"testing"
	"time"

	"natlens/monitor"
)

// fixedTimeouts are the settings of every namespace; what is not acknowledged gets 300 s.
func fixedTimeouts(established uint32) func(monitor.NetNS) monitor.TCPTimeouts {
	return func(monitor.NetNS) monitor.TCPTimeouts {
		return monitor.TCPTimeouts{Established: established, Unacknowledged: 300, MaxRetrans: 300}
	}
}

// TestIdle finds flows whose timeout says that they are idle, unless the counters say
// something else.
func TestIdle(t *testing.T) {
	for _, c := range []struct {
		what    string
		timeout uint32
		send    func(*monitor.Event)
		found   bool
	}{
		{"no packet for 20 hours", 4 * 3600, nil, true},
		{"a packet half an hour ago", 86_400 - 1800, nil, false},
		{"data that is not acknowledged", 290, func(e *monitor.Event) { e.Flow.CountersOrig.Packets += 1000; e.Flow.Timeout = 300 }, false},
		{"the same, stalled", 290, nil, false},
		{"packets, with a timeout of its own", 7200, func(e *monitor.Event) { e.Flow.CountersOrig.Packets++ }, false},
		{"the same, without counters", 7200, func(e *monitor.Event) { e.Flow.Timeout = 7200 }, false},
	} {
		w := newWorld(t, func(cfg *Config) {
			cfg.TCPTimeouts = fixedTimeouts(86_400)
			cfg.Thresholds[idleFlows] = 2
		})
		w.send = c.send
		for _, from := range []string{"10.0.0.1:1000", "10.0.0.2:1000"} {
			e := w.event(monitor.KindExisting, flow{proto: monitor.TCP, from: from, to: "203.0.113.9:80", state: monitor.TCPEstablished, status: monitor.SeenReply, timeout: c.timeout})
			e.Has |= monitor.AttrCountersOrig
			w.table.Apply(&monitor.Batch{Events: []monitor.Event{e}})
		}
		w.pass(1500 * time.Millisecond)
		w.expect(c.what+", after one dump", nil, nil)
		w.pass(6 * time.Second)
		if c.found {
			w.expect(c.what, []string{"idle table"}, nil)
		} else {
			w.expect(c.what, nil, nil)
		}
	}
}
