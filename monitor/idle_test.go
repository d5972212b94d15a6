package monitor

import "testing"

func TestIdleFor(t *testing.T) {
	set := TCPTimeouts{Established: 432000, Unacknowledged: 300, MaxRetrans: 200}
	for timeout, want := range map[uint32]uint32{432000: 0, 431999: 1, 428400: 3600, 301: 431699, 300: 0, 120: 0, 0: 0, 500000: 0} {
		if got := set.IdleFor(timeout); got != want {
			t.Errorf("%d: %d, want %d", timeout, got, want)
		}
	}
	if got := (TCPTimeouts{}).IdleFor(100); got != 0 {
		t.Errorf("no settings: %d", got)
	}
}

func TestUnchanged(t *testing.T) {
	const second = 1e9
	first := Reading{At: 100 * second, Timeout: 5000, Packets: 7, Counted: true}
	for _, c := range []struct {
		later Reading
		want  bool
	}{
		{Reading{110 * second, 4990, 7, true}, true},
		{Reading{110 * second, 4991, 7, true}, true},
		{Reading{110 * second, 4990, 8, true}, false},  // a packet
		{Reading{110 * second, 5000, 7, true}, false},  // the timeout was set
		{Reading{110 * second, 300, 7, true}, false},   // likewise
		{Reading{110 * second, 4990, 0, false}, false}, // the counters are gone
	} {
		if got := first.Unchanged(c.later); got != c.want {
			t.Errorf("%+v: %v", c.later, got)
		}
	}
	uncounted := Reading{At: 100 * second, Timeout: 5000}
	if !uncounted.Unchanged(Reading{At: 103 * second, Timeout: 4997}) ||
		uncounted.Unchanged(Reading{At: 103 * second, Timeout: 5000}) {
		t.Error("without counters the timeout decides")
	}
}
