package translation

import (
	"bytes"
	"encoding/csv"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/translation/translationtest"
)

// rowAnswers are a closed and an open translation, and one without ports.
func rowAnswers() []Answer {
	endpoint := translationtest.Endpoint
	esp := Translation{
		Start: at(0), From: endpoint("10.0.0.5:0"), To: endpoint("198.51.100.9:0"), SentAs: endpoint("203.0.113.7:0"),
		DeliveredTo: endpoint("198.51.100.9:0"), Proto: 50, Family: monitor.IPv4, NAT: SNAT, Status: monitor.SrcNAT,
	}
	return []Answer{
		{
			Side: SourceSide,
			Translation: Translation{
				Start: at(0), End: at(60) + 5, From: endpoint("10.0.0.5:40000"), To: endpoint("198.51.100.9:443"), Namespace: "=cmd\u202e",
				SentAs: endpoint("203.0.113.7:32768"), DeliveredTo: endpoint("198.51.100.9:443"), Proto: monitor.TCP, Family: monitor.IPv4, NAT: SNAT,
				Original: monitor.Counters{Packets: 3, Bytes: 180}, Reply: monitor.Counters{Packets: 2, Bytes: 5000}, Counted: true,
				Reason: Destroyed, Status: monitor.SrcNAT | monitor.Assured, State: monitor.TCPTimeWait, HasState: true, Doubt: TouchedByGap | BeganBefore,
			},
		},
		{
			Side: DestinationSide, Live: true,
			Translation: Translation{
				Start: at(0), From: endpoint("[2001:db8::1]:7"), To: endpoint("[2001:db8::2]:0"), SentAs: endpoint("[2001:db8::1]:7"),
				DeliveredTo: endpoint("[fd00::2]:0"), Proto: monitor.ICMPv6, Family: monitor.IPv6, NAT: DNAT, ICMP: 128 << 8, Zone: 4,
				Local: &monitor.Local{Process: "=a<\u202e", PID: 7, User: "root", Container: "web", Pod: "shop/web-0", Match: monitor.MatchListener},
			},
		},
		{Side: SourceSide, Translation: esp},
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRow compares the JSON form with testdata/rows.jsonl.
func TestRow(t *testing.T) {
	var out bytes.Buffer
	out.Write(monitor.JSONLine(NewGapRow(&Gap{From: at(0), To: at(1), Count: 7, AtLeast: true, Cause: Lost})))
	for _, a := range rowAnswers() {
		out.Write(monitor.JSONLine(NewRow(&a)))
	}
	want := readFile(t, "rows.jsonl")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// TestCSV compares the CSV form with testdata/rows.csv.
func TestCSV(t *testing.T) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Write(CSVColumns)
	for _, a := range rowAnswers() {
		w.Write(AppendCSV(nil, &a))
	}
	w.Flush()
	want := readFile(t, "rows.csv")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
