package export_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"natlens/export"
	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/replay"
)

// config reads all formats.
var config = export.Reading(replay.Config{})

// written is a recording as the sink of JSON lines writes it again, and the
// source that read it.
func written(t testing.TB, rec *replay.Recording) ([]byte, *replay.Source) {
	t.Helper()
	src, err := rec.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var out bytes.Buffer
	sink := jsonl.NewWriter(&out)
	var b monitor.Batch
	for {
		b.Reset()
		err := src.Next(context.Background(), &b)
		if werr := sink.Write(&b); werr != nil {
			t.Fatal(werr)
		}
		if errors.Is(err, io.EOF) {
			return out.Bytes(), src
		}
		if err != nil {
			t.Fatalf("%v, after:\n%s", err, out.Bytes())
		}
	}
}

// TestLinesAgain reads the lines that the sink's own golden file holds, events of
// every kind with every attribute, and wants them back to the byte.
func TestLinesAgain(t *testing.T) {
	want, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	got, src := written(t, replay.Bytes(config, "events.jsonl", want))
	compareLines(t, want, got)
	if st := src.Stats(); st.Bad != 0 || st.First != nil || st.Cut != nil || st.Events != uint64(bytes.Count(want, []byte("\n"))) {
		t.Errorf("%+v", st)
	}
	if !src.Remembers() {
		t.Error("JSON lines contain what was remembered")
	}
}

func compareLines(t *testing.T, want, got []byte) {
	t.Helper()
	w, g := bytes.SplitAfter(want, []byte("\n")), bytes.SplitAfter(got, []byte("\n"))
	for i := range max(len(w), len(g)) {
		switch {
		case i >= len(w):
			t.Fatalf("one more line: %s", g[i])
		case i >= len(g):
			t.Fatalf("no line %d: %s", i+1, w[i])
		case !bytes.Equal(w[i], g[i]):
			t.Errorf("line %d\ngot  %swant %s", i+1, g[i], w[i])
		}
	}
}

// second is a time in the recordings of the tests.
func second(n float64) monitor.Time {
	return monitor.Time(time.Date(2026, 11, 22, 6, 12, 0, 0, time.UTC).UnixNano()) + monitor.Time(n*1e9)
}
