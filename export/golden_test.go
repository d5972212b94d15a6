package export

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares whole output with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

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
