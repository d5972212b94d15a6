package health

import (
	"testing"

	"natlens/monitor"
	"natlens/tui/tail"
)

func TestSpark(t *testing.T) {
	var l Timeline
	if got := l.Spark(10); got != "          " {
		t.Errorf("nothing known: %q", got)
	}
	for i := range 13 { // 0, 1, 2 … events a second
		l.Sample(monitor.Time(1+i)*1e9, 0, 0, tail.Counts{Created: uint64(i * (i - 1) / 2)})
	}
	if got := l.Spark(10); got != "        ▄█" || l.Rate() != 11 {
		t.Errorf("twelve seconds: %q, %d a second", got, l.Rate())
	}
	l.Sample(200e9, 0, 0, tail.Counts{Created: 66}) // a long silence
	if got := l.Spark(10); got != "▁▁▁▁▁▁▁▁▁▁" || l.Rate() != 0 {
		t.Errorf("silence: %q, %d a second", got, l.Rate())
	}
	l.Sample(100e9, 0, 0, tail.Counts{Created: 9}) // a recording that was sought backwards
	l.Sample(101e9, 0, 0, tail.Counts{Created: 12})
	if l.Rate() != 3 {
		t.Errorf("after a step back in time: %d a second", l.Rate())
	}
}

func TestTimeline(t *testing.T) {
	var l Timeline
	l.Sample(100e9, 5, 0, tail.Counts{Created: 1000})
	l.Sample(100.5e9, 6, 0, tail.Counts{Created: 1100})
	if l.flows != 6 || l.seen.Created != 1100 || len(l.seconds) != 0 {
		t.Errorf("within the first second: %d flows, %+v, %d seconds", l.flows, l.seen, len(l.seconds))
	}
	l.Sample(102e9, 7, 0, tail.Counts{Created: 1100, Updated: 50, Destroyed: 50})
	if l.flows != 7 || l.seen.Updated != 50 {
		t.Errorf("as of the last sample: %d flows, %+v", l.flows, l.seen)
	}
	if len(l.seconds) != 2 || l.seconds[1] != (second{7, sums{events: 100, created: 50}}) || l.at != 102e9 {
		t.Errorf("%d seconds, %+v", len(l.seconds), l.seconds)
	}
	values, known := l.values(300, func(s second) uint64 { return s.events })
	if known != 10 || values[299] != 100 || values[290] != 100 || values[289] != 0 { // two of 60 seconds
		t.Errorf("%d known, %v", known, values[296:])
	}
	l.Sample(2000e9, 9, 0, tail.Counts{Created: 1100, Updated: 50, Destroyed: 50})
	if _, known := l.values(300, func(s second) uint64 { return s.events }); len(l.seconds) != timelineSeconds ||
		known != 300 {
		t.Errorf("%d seconds, %d cells", len(l.seconds), known)
	}
	l.Sample(2001e9, 9, 0, tail.Counts{Created: 30})
	l.Sample(2002e9, 9, 0, tail.Counts{Created: 60})
	if last := l.seconds[len(l.seconds)-1]; last != (second{9, sums{events: 30, created: 30}}) {
		t.Errorf("counted again: %+v", last)
	}
	l.Sample(50e9, 1, 0, tail.Counts{})
	if len(l.seconds) != 0 || l.at != 50e9 {
		t.Errorf("sought backwards: %d seconds at %d", len(l.seconds), l.at)
	}
}
