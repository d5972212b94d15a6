package export

import (
	"bytes"
	stdcsv "encoding/csv"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/export/csv"
	"natlens/monitor"
	"natlens/monitor/golden"
)

func renderCSV(t *testing.T, events ...monitor.Event) []byte {
	t.Helper()
	return render(t, func(out *bytes.Buffer) monitor.Sink { return csv.NewWriter(out) }, events...)
}

func TestCSV(t *testing.T) { golden.File(t, "events.csv", renderCSV(t, events()...)) }

func TestCSVWithoutEvents(t *testing.T) {
	var out bytes.Buffer
	if err := csv.NewWriter(&out).Close(); err != nil || out.String() != csv.Header+"\n" {
		t.Errorf("%q, %v", &out, err)
	}
}

// TestCSVColumns reads the lines back and compares cells, by the names of their
// columns, with the JSON lines of the same events.
func TestCSVColumns(t *testing.T) {
	rows, err := stdcsv.NewReader(bytes.NewReader(renderCSV(t, events()...))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	paths := strings.NewReplacer("time_source", "ts_source", "time", "ts", "orig_src", "orig.src", "reply_dst", "reply.dst",
		"nat_src", "nat.src", "nat_dst", "nat.dst", "orig_packets", "counters.orig.packets", "reply_bytes", "counters.reply.bytes")
	for n, e := range events() {
		line := decodeJSON(t, renderJSONL(t, e))
		for column, name := range rows[0] {
			switch name {
			case "time", "time_source", "seq", "event", "flow", "id", "family", "proto", "protonum", "state", "mark", "zone", "zone_reply", "path",
				"portid", "start", "stop", "born", "use", "orig_src", "reply_dst", "nat_src", "nat_dst", "orig_packets", "reply_bytes", "added", "ended":
			default:
				continue
			}
			if name == "time_source" && !e.Kind.HasFlow() {
				continue // JSON leaves it out
			}
			want := jsonText(line, paths.Replace(name))
			if got := rows[n+1][column]; got != want {
				t.Errorf("event %d, %s: %q, want %q", n+1, name, got, want)
			}
		}
	}
}

// jsonText returns a member of decoded JSON as text, or "".
func jsonText(v any, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	switch v := v.(type) {
	case string:
		return v
	case interface{ String() string }:
		return v.String()
	}
	return ""
}

// TestCSVPage holds docs/csv.md to the header.
func TestCSVPage(t *testing.T) {
	page, err := os.ReadFile("../docs/csv.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || !strings.Contains(cells[1], "`") {
			continue
		}
		for i, part := range strings.Split(cells[1], "`") {
			if i%2 == 1 {
				names = append(names, part)
			}
		}
	}
	if diff := cmp.Diff(strings.Split(csv.Header, ","), names); diff != "" {
		t.Errorf("docs/csv.md (-header +page):\n%s", diff)
	}
}

func BenchmarkCSV(b *testing.B) {
	b.Run("new", func(b *testing.B) { benchmarkSink(b, csv.NewWriter(io.Discard), tcpEvents()[0]) })
}
