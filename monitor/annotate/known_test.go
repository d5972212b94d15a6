package annotate

import (
	"testing"

	"natlens/monitor"
)

// TestKnown reads the events of a recording: what one of them has is known of the flow until
// ten seconds after its end, and not of the next flow with the same tuple.
func TestKnown(t *testing.T) {
	const second = monitor.Time(1e9)
	curl, web := &monitor.Local{Process: "curl"}, &monitor.Local{Container: "web"}
	var k Known
	for _, step := range []struct {
		at   monitor.Time
		kind monitor.Kind
		port uint16
		has  *monitor.Local
		want *monitor.Local // of the event and, afterwards, of the flow
	}{
		{1, monitor.KindNew, 1, nil, nil},
		{2, monitor.KindUpdate, 1, curl, curl},
		{3, monitor.KindUpdate, 1, nil, curl},
		{3, monitor.KindExisting, 2, web, web},
		{4, monitor.KindUpdate, 2, curl, curl},
		{5, monitor.KindDestroy, 1, nil, curl},
		{6, monitor.KindNew, 1, nil, nil},
		{7, monitor.KindUpdate, 1, web, web},
		{16, monitor.KindUpdate, 1, nil, web}, // longer than ten seconds after the end of the first flow
		{17, monitor.KindDestroy, 1, nil, web},
		{28, monitor.KindUpdate, 1, nil, nil},
	} {
		var b monitor.Batch
		e := b.Add()
		e.Time, e.Kind, e.Local = step.at*second, step.kind, step.has
		e.Flow.Orig = monitor.Tuple{Proto: monitor.TCP, SrcPort: step.port}
		k.Batch(&b)
		if e.Local != step.want || k.Of(&e.Flow) != step.want {
			t.Errorf("second %d: the %s has %v and the flow %v, want %v", step.at, step.kind, e.Local, k.Of(&e.Flow), step.want)
		}
	}
	f := &monitor.Flow{Orig: monitor.Tuple{Proto: monitor.TCP, SrcPort: 2}}
	if k.Of(f) != curl {
		t.Errorf("%v", k.Of(f))
	}
	k.Clear()
	if k.Of(f) != nil {
		t.Errorf("after Clear %v", k.Of(f))
	}
}
