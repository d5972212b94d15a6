package who

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/golden"
)

// exportedBegin is when the flows of exportedHistory begin.
const exportedBegin = monitor.Time(1763800000e9) // 2025-11-22T08:26:40Z

// exportedHistory writes a history of every kind of flow: through SNAT, DNAT and
// both, IPv4 and IPv6, TCP and ICMP, in a zone, counted and not, deleted, without a
// beginning, open; with a gap between.
func exportedHistory(t *testing.T) (dir string) {
	t.Helper()
	if !history.Supported {
		t.Skip("no SQLite for this platform")
	}
	dir = t.TempDir()
	w, err := history.NewWriter(history.Config{Dir: dir, Namespace: `a "name", quoted`})
	if err != nil {
		t.Fatal(err)
	}
	four := func(last byte) monitor.Addr { return monitor.AddrFrom4([4]byte{10, 0, 0, last}) }
	six := func(last byte) monitor.Addr { return monitor.Addr{0: 0x20, 1: 1, 2: 0x0d, 3: 0xb8, 15: last} }
	var b monitor.Batch
	add := func(kind monitor.Kind, n int) *monitor.Event {
		addr, family, proto, dport := four, monitor.IPv4, monitor.TCP, uint16(443)
		if n%3 == 0 {
			addr, family = six, monitor.IPv6
		}
		if n%5 == 0 {
			proto, dport = monitor.ICMP, 8<<8
		}
		e := b.Add()
		e.Kind, e.Gen, e.Time = kind, uint64(n+1), exportedBegin+monitor.Time(n)*1e9+1
		e.Flow.Orig = monitor.Tuple{Src: addr(1), SrcPort: uint16(1000 + n), Dst: addr(2), DstPort: dport, Proto: proto, Family: family, Zone: uint16(n % 4)}
		e.Flow.Reply = monitor.Tuple{Src: addr(2), SrcPort: dport, Dst: addr(9), DstPort: uint16(2000 + n), Proto: proto, Family: family, Zone: uint16(n % 4)}
		e.Flow.Status = monitor.SrcNAT | monitor.SeenReply
		if n%7 == 0 {
			e.Flow.Reply.Src = addr(8)
			e.Flow.Status |= monitor.DstNAT
		}
		e.Has = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus
		return e
	}
	for n := range 100 {
		kind := monitor.KindNew
		if n%11 == 0 {
			kind = monitor.KindExisting
		}
		add(kind, n)
	}
	lost := b.Add()
	lost.Kind, lost.Time, lost.Gap = monitor.KindLost, exportedBegin+200e9, &monitor.Gap{From: exportedBegin + 199e9, To: exportedBegin + 200e9, Count: 7}
	for n := range 90 {
		e := add(monitor.KindDestroy, n)
		e.Time += 300e9
		if n%13 == 0 {
			e.PortID = 4711
		}
		if n%2 == 0 {
			e.Flow.CountersOrig, e.Flow.CountersReply = monitor.Counters{Packets: 3, Bytes: 180}, monitor.Counters{Packets: 2, Bytes: 5000}
			e.Has |= monitor.AttrCountersOrig | monitor.AttrCountersReply
		}
		if e.Flow.Orig.Proto == monitor.TCP {
			e.Flow.State = monitor.TCPTimeWait
			e.Has |= monitor.AttrState
		}
	}
	if err := errors.Join(w.Write(&b), w.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestExport exports a history in both formats: they have the same rows.
func TestExport(t *testing.T) {
	dir, out := exportedHistory(t), t.TempDir()
	rows := map[string][]map[string]string{}
	readers := map[string]func(*testing.T, string) []map[string]string{"csv": readCSV, "jsonl": readJSONRows}
	for _, format := range []string{"csv", "jsonl"} { // JSON is read by the columns of CSV
		read := readers[format]
		path := filepath.Join(out, "translations."+format)
		export := func() *clitest.Result {
			return clitest.Run(t.Context(), NewHistory, "", "export", "--history", dir, path)
		}
		c := export()
		golden.Words(t, format, c.Stderr)
		if c.Err != nil || c.Stdout != "" {
			t.Fatalf("%s: %v, %s%s", format, c.Err, c.Stdout, c.Stderr)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v", format, info.Mode(), err)
		}
		if c := export(); c.Code() != 1 || !strings.Contains(c.Err.Error(), "--force") {
			t.Errorf("%s, again: %v", format, c.Err)
		}
		rows[format] = read(t, path)
	}
	if len(rows["csv"]) != 100 {
		t.Errorf("%d rows", len(rows["csv"]))
	}
	if diff := cmp.Diff(rows["csv"], rows["jsonl"]); diff != "" {
		t.Errorf("csv and jsonl: %s", diff)
	}
	for _, c := range []struct {
		flags string
		want  int
	}{
		{"--since 2025-11-22T08:33:09Z", 11}, // the last to end, and the open ones
		{"--until 2025-11-22T08:26:41Z", 2},  // until the end of that second
		{"--limit 3", 3},
		{"--limit 100", 100},
		{"--since 2025-11-22T08:31:42Z --until 2025-11-22T08:31:42Z", 98},
	} {
		args := append([]string{"export", "-o", "csv", "--history", dir, "-"}, strings.Fields(c.flags)...)
		got := clitest.Run(t.Context(), NewHistory, "", args...)
		if n := strings.Count(got.Stdout, "\n") - 1; n != c.want || got.Err != nil {
			t.Errorf("%s: %d rows, want %d: %v", c.flags, n, c.want, got.Err)
		}
		if ended := strings.Contains(got.Stderr, "--limit"); ended != (c.flags == "--limit 3") {
			t.Errorf("%s: %s", c.flags, got.Stderr)
		}
	}
}

func readCSV(t *testing.T, path string) (rows []map[string]string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, cell := range line {
			row[lines[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

// readJSONRows reads JSON lines under the names of the columns of the CSV file beside
// it, without the gaps.
func readJSONRows(t *testing.T, path string) (rows []map[string]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{
		"inside_addr": "inside", "outside_addr": "outside", "peer_addr": "peer", "counters_orig_packets": "orig_packets",
		"counters_orig_bytes": "orig_bytes", "counters_reply_packets": "reply_packets", "counters_reply_bytes": "reply_bytes",
	}
	columns := readCSV(t, strings.TrimSuffix(path, "jsonl")+"csv")[0]
	for text := range strings.Lines(string(text)) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line["gap"] != nil {
			continue
		}
		row := map[string]string{}
		for column := range columns {
			row[column] = ""
		}
		flatten(line, "", func(name, value string) {
			if other, ok := names[name]; ok {
				name = other
			}
			row[name] = value
		})
		delete(row, "v")
		rows = append(rows, row)
	}
	return rows
}

// flatten calls fn for each value within v, named by the path to it.
func flatten(v any, path string, fn func(name, value string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			flatten(v[key], strings.TrimPrefix(path+"_"+key, "_"), fn)
		}
	case []any:
		fn(path, strings.Trim(fmt.Sprint(v), "[]"))
	case float64:
		fn(path, strconv.FormatFloat(v, 'f', -1, 64))
	default:
		fn(path, fmt.Sprint(v))
	}
}
