package loop_test

import (
	"errors"
	"testing"

	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// recorder is a sink that takes the host's addresses.
type recorder struct {
	monitor.Sink
	got *monitor.Locals
}

func (r *recorder) Locals(l *monitor.Locals) { r.got = l }

// Close closes in reverse order, joins the errors, and closes nothing a second time.
func TestClose(t *testing.T) {
	var order string
	failed := errors.New("failed")
	l := &loop.Loop{}
	l.OnClose(func() error { order += "source "; return nil })
	l.Sink(&recorder{}, func() error { order += "output "; return failed })
	l.Sink(&recorder{}, nil)
	l.OnClose(func() error { order += "history "; return nil })
	if err := l.Close(); !errors.Is(err, failed) {
		t.Errorf("Close returned %v", err)
	}
	if err := l.Close(); err != nil || order != "history output source " {
		t.Errorf("closed %q, then %v", order, err)
	}
}

// The host's addresses reach the table and each sink that records them, also without a table.
func TestSetLocals(t *testing.T) {
	for _, flows := range []*table.Table{nil, table.New(table.Config{})} {
		sink := &recorder{}
		l := &loop.Loop{Table: flows}
		l.Sink(sink, nil)
		want := new(monitor.Locals)
		if l.SetLocals(want); sink.got != want {
			t.Errorf("table %t: the sink got %v", flows != nil, sink.got)
		}
	}
}
