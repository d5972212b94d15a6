package export_test

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// The outputs of the demo recording that programs read. They do not change: -update
// writes only files that do not exist.
var fixedFormats = []string{
	"jsonl", "csv",
	"conntrack", "conntrack,id", "conntrack,timestamp", "conntrack,ktimestamp", "conntrack,extended", "conntrack,labels",
	"conntrack,id,timestamp,ktimestamp,extended,labels,userspace",
	"conntrack,xml", "conntrack,xml,id,timestamp,ktimestamp,extended,labels", "conntrack,save",
}

// sampled has N for each output: testdata/demo has its first and then every Nth line. The
// file testdata/demo/sums has a digest of the whole output.
var sampled = map[string]int{"events": 97, "flows": 7}

// TestDemoRecording writes the events of the demo recording, and the flows of its
// middle, in each format.
func TestDemoRecording(t *testing.T) {
	var sums strings.Builder
	for _, format := range fixedFormats {
		for _, what := range []string{"events", "flows"} {
			out := demoIn(t, format, what)
			fmt.Fprintf(&sums, "%x %7d %s %s\n", sha256.Sum256(out), len(out), what, format)
			fixed(t, filepath.Join("demo", what+"."+format), sample(out, sampled[what]), false)
		}
	}
	fixed(t, "demo/sums", []byte(sums.String()), false)
}

// TestDemoRecordingPretty is TestDemoRecording for people: the wording may change.
func TestDemoRecordingPretty(t *testing.T) {
	for _, what := range []string{"events", "flows"} {
		fixed(t, filepath.Join("demo", what+".pretty"), sample(demoIn(t, "pretty", what), sampled[what]), true)
	}
}

// demoIn returns the events of the demo recording in a format, or its flows one
// minute after it began.
func demoIn(t *testing.T, format, what string) []byte {
	t.Helper()
	rec := replay.Demo(config)
	var src monitor.Source
	source, err := rec.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if src = source; what == "flows" {
		begin, _, err := rec.Span()
		if err != nil {
			t.Fatal(err)
		}
		at := begin + monitor.Time(time.Minute)
		flows := table.New(table.Config{})
		if _, err := replay.Fill(t.Context(), source, flows, at); err != nil {
			t.Fatal(err)
		}
		src = replay.Flows(flows, at)
	}
	var out bytes.Buffer
	sink, err := export.New(format, &out, export.Options{
		Location:  time.UTC,
		LabelFile: "testdata/conntrack/connlabel.conf",
		Now:       func() time.Time { return time.Unix(1795385000, 0) },
		ProgName:  func(portid uint32) string { return fmt.Sprint("program", portid) },
		Notes:     io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	run := &loop.Loop{Source: src, Sinks: []monitor.Sink{sink}}
	if err := run.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sample returns the first and then every Nth line of a text.
func sample(text []byte, every int) (some []byte) {
	n := 0
	for line := range bytes.Lines(text) {
		if n%every == 0 {
			some = append(some, line...)
		}
		n++
	}
	return some
}

// fixed compares an output with testdata/name. With -update it writes the file if
// there is none, or if it is prose.
func fixed(t *testing.T, name string, got []byte, prose bool) {
	t.Helper()
	path := filepath.Join("testdata", name)
	want, err := os.ReadFile(path)
	if flag.Lookup("update").Value.String() == "true" && (prose || os.IsNotExist(err)) {
		want, err = got, os.WriteFile(path, got, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
