package loop

import (
	"testing"
	"testing/synctest"
	"time"

	"natlens/monitor"
)

// An interim dump reports flows that lived longer than the interval and have counters, after what has changed, and
// ends those that are gone. The next one comes an interval later.
func TestInterim(t *testing.T) { synctest.Test(t, testInterim) }

func testInterim(t *testing.T) {
	at := func(k monitor.Kind, second int, port uint16, s monitor.State, counted bool) monitor.Event {
		e := messageOf(k, monitor.Time(second)*1e9, tcpOrig(2, port), uint32(port), inState(s))
		if counted {
			e.Has |= monitor.AttrCountersOrig
		}
		return e
	}
	const counted = true
	k := &fakeKernel{
		queue: [][]monitor.Event{{at(monitor.KindNew, 100, 2, monitor.TCPSynSent, false),
			at(monitor.KindNew, 130, 3, monitor.TCPSynSent, false), at(monitor.KindNew, 100, 4, monitor.TCPSynSent, false)}},
		dumps: [][][]monitor.Event{
			{{at(monitor.KindExisting, 100, 1, monitor.TCPEstablished, counted), at(monitor.KindExisting, 100, 5, monitor.TCPEstablished, counted)}},
			{{at(monitor.KindExisting, 160, 1, monitor.TCPEstablished, counted), at(monitor.KindExisting, 160, 2, monitor.TCPEstablished, counted),
				at(monitor.KindExisting, 160, 3, monitor.TCPSynSent, counted), at(monitor.KindExisting, 160, 4, monitor.TCPSynSent, false)}},
			{{at(monitor.KindExisting, 220, 3, monitor.TCPSynSent, counted)}},
		},
	}
	began := time.Now()
	k.queue = append(k.queue, nil) // the first dump is read before the queue
	m := &Loop{Existing: ExistingUntold, Resync: Resync{Every: time.Hour, Interim: time.Minute}}
	got := watchFor(t, k, m, time.Hour)
	want := `3 new port=2 gen=3 SYN_SENT
4 new port=3 gen=4 SYN_SENT
5 new port=4 gen=5 SYN_SENT
6 interim port=1 gen=1 ESTABLISHED
7 update port=2 gen=3 ESTABLISHED inferred
8 interim port=2 gen=3 ESTABLISHED
9 destroy port=5 gen=2 ESTABLISHED inferred
10 interim port=3 gen=4 SYN_SENT
11 destroy port=1 gen=1 ESTABLISHED inferred
12 destroy port=2 gen=3 ESTABLISHED inferred
13 destroy port=4 gen=5 SYN_SENT inferred`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if took := time.Since(began); took < 2*time.Minute || took > 2*time.Minute+time.Second {
		t.Errorf("two intervals took %s", took)
	}
}
