package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/annotate"
	"natlens/monitor/golden"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// sampled has N for each kind of output: its files in testdata/demo have its first and
// then every Nth line.
var sampled = map[string]int{"events": 97, "flows": 7}

// TestDemoRecording writes the events of the demo recording, and the flows one minute
// after its beginning, in each format that programs read. testdata/demo/sums lists the
// outputs with their digests. They do not change: -update does not write them again.
func TestDemoRecording(t *testing.T) {
	text, err := os.ReadFile("testdata/demo/sums")
	if err != nil {
		t.Fatal(err)
	}
	want, formats := map[string]string{}, map[string][]string{}
	for line := range strings.Lines(string(text)) {
		name := strings.Fields(line)[2]
		what, format, _ := strings.Cut(name, ".")
		want[name], formats[what] = line, append(formats[what], format)
	}
	for what := range sampled {
		for format, out := range demoIn(t, what, formats[what]...) {
			out, name := export.RecordedTags(out), what+"."+format
			golden.Fixed(t, "demo/"+name, sample(out, sampled[what]))
			if got := fmt.Sprintf("%x %7d %s\n", sha256.Sum256(out), len(out), name); got != want[name] {
				t.Errorf("testdata/demo/sums: digest, bytes and output are\n%swant\n%s", got, want[name])
			}
		}
	}
}

// TestDemoRecordingPretty is TestDemoRecording for people: the wording may change.
func TestDemoRecordingPretty(t *testing.T) {
	for what := range sampled {
		golden.File(t, "demo/"+what+".pretty", sample(demoIn(t, what, "pretty")["pretty"], sampled[what]))
	}
}

// demoIn returns the events of the demo recording in each format, or its flows one
// minute after it began.
func demoIn(t *testing.T, what string, formats ...string) map[string][]byte {
	t.Helper()
	src := monitor.Source(demoEvents(t))
	if what == "flows" {
		src = demoFlows(t)
	}
	run, outputs := &loop.Loop{Source: src}, map[string]*bytes.Buffer{}
	for _, format := range formats {
		outputs[format] = new(bytes.Buffer)
		sink, err := export.New(format, outputs[format], export.Options{
			Location:  time.UTC,
			LabelFile: "testdata/conntrack/connlabel.conf",
			Now:       func() time.Time { return time.Unix(1795385000, 0) },
			ProgName:  func(portid uint32) string { return fmt.Sprint("program", portid) },
			Notes:     io.Discard,
		})
		if err != nil {
			t.Fatal(err)
		}
		run.Sinks = append(run.Sinks, sink)
	}
	if err := run.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for i, format := range formats {
		if err := run.Sinks[i].Close(); err != nil {
			t.Fatal(err)
		}
		all[format] = outputs[format].Bytes()
	}
	return all
}

func demoEvents(t *testing.T) *replay.Source {
	t.Helper()
	src, err := replay.Demo(config).Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

func demoFlows(t *testing.T) monitor.Source {
	t.Helper()
	begin, _, err := replay.Demo(config).Span()
	if err != nil {
		t.Fatal(err)
	}
	at, flows := begin+monitor.Time(time.Minute), table.New(table.Config{})
	if _, err := replay.Fill(t.Context(), demoEvents(t), flows.Apply, at); err != nil {
		t.Fatal(err)
	}
	next, stop := iter.Pull2(replay.Flows(flows, at, new(annotate.Known).Of))
	t.Cleanup(stop)
	return pulled(next)
}

// pulled is a source of the batches that it returns.
type pulled func() (b *monitor.Batch, err error, ok bool)

func (next pulled) Next(_ context.Context, b *monitor.Batch) error {
	some, err, ok := next()
	if !ok {
		return io.EOF
	}
	b.Events = append(b.Events, some.Events...)
	return err
}

func (pulled) Close() error { return nil }

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
