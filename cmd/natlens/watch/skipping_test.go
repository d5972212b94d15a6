//go:build linux

package watch

import (
	"fmt"
	"testing"

	"natlens/monitor"
)

// events is a sink that keeps what it gets as text.
type events []string

func (s *events) Write(b *monitor.Batch) error {
	for i := range b.Events {
		e := &b.Events[i]
		text := fmt.Sprint(e.Kind, " ", e.Seq)
		if e.Gap != nil {
			text += fmt.Sprintf(" %d from %d to %d", e.Gap.Count, e.Gap.From, e.Gap.To)
		}
		*s = append(*s, text)
	}
	return nil
}

func (s *events) Close() error { return nil }

// While the reader is slow, events are dropped. A loss with their count, and with what was lost among them,
// comes in their place, before the next event or at the end.
func TestSkipping(t *testing.T) {
	var got events
	full := false
	s := &skipping{Sink: &got, full: func() bool { return full }}
	write := func(all ...monitor.Event) {
		t.Helper()
		if err := s.Write(&monitor.Batch{Events: all}); err != nil {
			t.Fatal(err)
		}
	}
	event := func(seq uint64) monitor.Event {
		return monitor.Event{Kind: monitor.KindNew, Seq: seq, Time: monitor.Time(10 * seq)}
	}
	write(event(1))
	full = true
	write(event(2), event(3))
	write(monitor.Event{Kind: monitor.KindLost, Seq: 7, Time: 70, Gap: &monitor.Gap{Count: 4, From: 40, To: 70}}, event(8))
	full = false
	write(event(9))
	full = true
	write(event(10))
	if err := s.report(); err != nil {
		t.Fatal(err)
	}
	want := events{"new 1", "lost 8 7 from 20 to 80", "new 9", "lost 10 1 from 100 to 100"}
	if fmt.Sprint(got) != fmt.Sprint(want) || s.left() != 4 {
		t.Errorf("got %q, %d left out, want %q", got, s.left(), want)
	}
	if none := (*skipping)(nil); none.report() != nil || none.left() != 0 {
		t.Error("without a skipping sink something is left out")
	}
}
