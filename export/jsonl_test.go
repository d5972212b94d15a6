package export

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/golden"
)

func renderJSONL(t *testing.T, events ...monitor.Event) []byte {
	t.Helper()
	return render(t, func(out *bytes.Buffer) monitor.Sink { return jsonl.NewWriter(out) }, events...)
}

func TestJSONL(t *testing.T) { golden.File(t, "events.jsonl", renderJSONL(t, events()...)) }

// TestJSONLMatchesEncodingJSON compares each line with what encoding/json makes
// of the same event.
func TestJSONLMatchesEncodingJSON(t *testing.T) {
	for _, e := range events() {
		checkJSON(t, &e)
	}
}

// TestJSONLSchema holds the schema that is published to the lines, and refuses
// lines that it must not let pass.
func TestJSONLSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("../docs/event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(page, []byte("```json\n"))
	example, _, found := bytes.Cut(rest, []byte("```"))
	if !found {
		t.Fatal("docs/json.md has no example")
	}
	for line := range bytes.Lines(append(example, renderJSONL(t, events()...)...)) {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, line := range []string{
		`{"v":2,"seq":1,"event":"new"}`,
		`{"v":1,"ts_source":"kernel","seq":1,"event":"news"}`,
		`{"v":1,"ts_source":"kernel","seq":1,"event":"new","mark":-1}`,
		`{"v":1,"ts":"yesterday","ts_source":"kernel","seq":1,"event":"new"}`,
		`{"v":1,"seq":1,"event":"lost"}`,
		`{"v":1,"ts_source":"kernel","seq":1,"event":"new","nat":{"kind":"masquerade"}}`,
	} {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(line)))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("the schema takes %s", line)
		}
	}
}

func TestJSONLKeepsNoText(t *testing.T) {
	// The caches must not show one event's text in another's line.
	all := events()
	once := renderJSONL(t, all...)
	twice := renderJSONL(t, append(all, events()...)...)
	if diff := cmp.Diff(string(once)+string(once), string(twice)); diff != "" {
		t.Errorf("the second round differs (-want +got):\n%s", diff)
	}
}

func TestJSONLAllocates(t *testing.T) {
	sink, b := jsonl.NewWriter(io.Discard), batch(events()...)
	if n := testing.AllocsPerRun(100, func() { _ = sink.Write(b) }); n != 0 {
		t.Errorf("%v allocations a batch, want 0", n)
	}
}

// checkJSON compares a line with encoding/json's of the same event.
func checkJSON(t *testing.T, e *monitor.Event) {
	t.Helper()
	line := renderJSONL(t, *e)
	if n := bytes.IndexByte(line, '\n'); n != len(line)-1 {
		t.Fatalf("%q is not one line", line)
	}
	if i := bytes.IndexFunc(line[:len(line)-1], monitor.Unsafe); i >= 0 {
		t.Fatalf("%q holds an unsafe character at %d", line, i)
	}
	want, err := json.Marshal(referenceOf(e))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decodeJSON(t, want), decodeJSON(t, line)); diff != "" {
		t.Fatalf("%s\n%s\n(-encoding/json +ours):\n%s", want, line, diff)
	}
}

func decodeJSON(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// FuzzJSONL makes any event from the fuzzer's bytes.
func FuzzJSONL(f *testing.F) {
	f.Add([]byte{}, []byte("ftp"), []byte("system_u"))
	f.Add(bytes.Repeat([]byte{0xff}, 400), hostile, []byte("\xed\xa0\x80"))
	f.Add(bytes.Repeat([]byte{1, 6, 17, 58, 47, 2, 10, 0}, 60), []byte{0}, []byte("\u2028\""))
	f.Fuzz(func(t *testing.T, data, helper, secctx []byte) {
		e := eventFrom(data)
		e.Extra.Helper, e.Extra.SecCtx = helper, secctx
		checkJSON(t, &e)
	})
}

func BenchmarkJSONL(b *testing.B) {
	tcp := tcpEvents()
	b.Run("new", func(b *testing.B) { benchmarkSink(b, jsonl.NewWriter(io.Discard), tcp[0]) })
	b.Run("destroy", func(b *testing.B) { benchmarkSink(b, jsonl.NewWriter(io.Discard), tcp[3]) })
	b.Run("udp", func(b *testing.B) { benchmarkSink(b, jsonl.NewWriter(io.Discard), datagramEvents()[0]) })
	b.Run("ipv6", func(b *testing.B) { benchmarkSink(b, jsonl.NewWriter(io.Discard), tcp[6]) })
	b.Run("everything", func(b *testing.B) { benchmarkSink(b, jsonl.NewWriter(io.Discard), events()...) })
}

// benchmarkSink measures an event, in batches of the usual size whose times move on.
func benchmarkSink(b *testing.B, sink monitor.Sink, events ...monitor.Event) {
	run := &monitor.Batch{}
	for i := range monitor.BatchSize {
		e := events[i%len(events)]
		e.Time += monitor.Time(i) * 5000
		e.Seq = uint64(1_000_000 + i)
		run.Events = append(run.Events, e)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n%monitor.BatchSize == 0 {
			if err := sink.Write(run); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkVaried writes the events of a busy gateway: no two flows have the same ports and ids.
func BenchmarkVaried(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	events := make([]monitor.Event, 4096)
	for i := range events {
		e := tcpEvents()[[]int{0, 3}[i%2]]
		o, r := &e.Flow.Orig, &e.Flow.Reply
		o.Src[15], o.Dst[15], o.Dst[14] = byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32())
		o.SrcPort, r.Src, r.DstPort = uint16(1024+rng.Uint32()%60000), o.Dst, uint16(1024+rng.Uint32()%60000)
		e.Flow.ID, e.Gen = rng.Uint32(), uint64(rng.Uint32()%1e6)
		e.Time += monitor.Time(i) * 5000
		e.Seq = uint64(1_000_000 + i)
		events[i] = e
	}
	sink := jsonl.NewWriter(io.Discard)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n%256 == 0 {
			if err := sink.Write(&monitor.Batch{Events: events[n%4096:][:256]}); err != nil {
				b.Fatal(err)
			}
		}
		n++
	}
}
