package tui

import (
	"testing"

	"natlens/monitor"
)

func TestSpark(t *testing.T) {
	var s spark
	if got := s.text(10); got != "          " {
		t.Errorf("nothing known: %q", got)
	}
	for i := range 13 { // 0, 1, 2 … events a second
		s.sample(monitor.Time(1+i)*1e9, uint64(i*(i-1)/2))
	}
	if got := s.text(10); got != "        ▄█" || s.rate() != 11 {
		t.Errorf("twelve seconds: %q, %d a second", got, s.rate())
	}
	s.sample(monitor.Time(200)*1e9, 66) // a long silence
	if got := s.text(10); got != "▁▁▁▁▁▁▁▁▁▁" || s.rate() != 0 {
		t.Errorf("silence: %q, %d a second", got, s.rate())
	}
	s.sample(monitor.Time(201)*1e9, 5) // another run: fewer events than before
	s.sample(monitor.Time(202)*1e9, 7)
	if s.rate() != 2 {
		t.Errorf("after a restart: %d a second", s.rate())
	}
	s.sample(monitor.Time(100)*1e9, 9) // a recording that was sought backwards
	s.sample(monitor.Time(101)*1e9, 12)
	if s.rate() != 3 {
		t.Errorf("after a step back in time: %d a second", s.rate())
	}
}
