package export

import (
	"bytes"
	"testing"

	"natlens/monitor"
)

// render returns what a sink writes for the events as one batch.
func render(t *testing.T, build func(*bytes.Buffer) monitor.Sink, events ...monitor.Event) []byte {
	t.Helper()
	var out bytes.Buffer
	sink := build(&out)
	if err := sink.Write(batch(events...)); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
