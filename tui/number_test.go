package tui

import (
	"testing"

	"natlens/monitor"
)

func TestNumbers(t *testing.T) {
	for c, want := range map[monitor.Counters]string{{}: "0 packets, 0 B", {Packets: 1, Bytes: 29}: "1 packet, 29 B",
		{Packets: 12_345, Bytes: 84_000}: "12,345 packets, 84 kB"} {
		if got := countersText(c); got != want {
			t.Errorf("countersText(%v) = %q, want %q", c, got, want)
		}
	}
	for ms, want := range map[uint32]string{0: "0 ms", 18: "18 ms", 999: "999 ms", 1500: "1.5 s", 61_000: "1m01"} {
		if got := spanText(ms); got != want {
			t.Errorf("spanText(%d) = %q, want %q", ms, got, want)
		}
	}
}

func TestSpark(t *testing.T) {
	var s spark
	if got := s.text(10); got != "          " {
		t.Errorf("nothing known: %q", got)
	}
	for i := range 13 { // 0, 1, 2 … events a second
		s.sample(monitor.Time(1+i)*1e9, uint64(i*(i-1)/2))
	}
	if got := s.text(10); got != "        ▄█" || s.rate != 11 {
		t.Errorf("twelve seconds: %q, %d a second", got, s.rate)
	}
	s.sample(monitor.Time(200)*1e9, 66) // a long silence
	if got := s.text(10); got != "▁▁▁▁▁▁▁▁▁▁" || s.rate != 0 {
		t.Errorf("silence: %q, %d a second", got, s.rate)
	}
	s.sample(monitor.Time(201)*1e9, 5) // another run: fewer events than before
	s.sample(monitor.Time(202)*1e9, 7)
	if s.rate != 2 {
		t.Errorf("after a restart: %d a second", s.rate)
	}
	s.sample(monitor.Time(100)*1e9, 9) // a recording that was sought backwards
	s.sample(monitor.Time(101)*1e9, 12)
	if s.rate != 3 {
		t.Errorf("after a step back in time: %d a second", s.rate)
	}
}

// TestRates expects a rate of two readings, none of one that was overtaken, and after
// the clock was put back one of the readings since.
func TestRates(t *testing.T) {
	r := newRates()
	const second = monitor.Time(1e9)
	for _, c := range []struct {
		at, bytes uint64 // seconds
		rate      uint64
		known     bool
	}{
		{1000, 0, 0, false}, {1002, 600, 300, true}, {1001, 500, 300, true}, {500, 700, 0, false}, {501, 900, 200, true},
	} {
		r.note(7, 1, c.bytes, monitor.Time(c.at)*second)
		if got, known := r.of(7, 1, monitor.Time(c.at)*second); got != c.rate || known != c.known {
			t.Errorf("at %d: %d, known %v; want %d, %v", c.at, got, known, c.rate, c.known)
		}
	}
	if got, known := r.of(7, 1, 400*second); known {
		t.Errorf("a rate of times to come is shown: %d", got)
	}
}

func TestSightFit(t *testing.T) {
	for _, c := range []struct{ n, at, line, height, wantAt, wantLine int }{
		{100, 50, 5, 20, 50, 5}, {100, 3, 10, 20, 3, 3}, {100, 99, 0, 20, 99, 19}, {5, 4, 19, 20, 4, 4},
		{0, 7, 3, 20, 0, 0}, {100, 90, 5, 20, 90, 10},
	} {
		s := sight{at: c.at, line: c.line, n: c.n, height: c.height}
		s.fit()
		if s.at != c.wantAt || s.line != c.wantLine {
			t.Errorf("%+v: at %d, line %d", c, s.at, s.line)
		}
	}
}
