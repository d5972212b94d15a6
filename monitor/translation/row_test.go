package translation

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
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
			},
		},
		{Side: SourceSide, Translation: esp},
	}
}

// TestRow holds the JSON form to what docs/history.md says.
func TestRow(t *testing.T) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	if err := enc.Encode(NewGapRow(&Gap{From: at(0), To: at(1), Count: 7, AtLeast: true, Cause: Lost})); err != nil {
		t.Fatal(err)
	}
	for _, a := range rowAnswers() {
		if err := enc.Encode(NewRow(&a)); err != nil {
			t.Fatal(err)
		}
	}
	want := `{"v":1,"gap":"lost","from":"2025-11-22T08:26:40.000000000Z","to":"2025-11-22T08:26:41.000000000Z","count":7,"at_least":true}
{"v":1,"start":"2025-11-22T08:26:40.000000000Z","end":"2025-11-22T08:27:40.000000005Z","proto":"tcp","protonum":6,"nat":"snat","side":"source","inside":{"addr":"10.0.0.5","port":40000},"outside":{"addr":"203.0.113.7","port":32768},"peer":{"addr":"198.51.100.9","port":443},"orig":{"src":"10.0.0.5","sport":40000,"dst":"198.51.100.9","dport":443},"reply":{"src":"198.51.100.9","sport":443,"dst":"203.0.113.7","dport":32768},"netns":"=cmd\u202e","counters":{"orig":{"packets":3,"bytes":180},"reply":{"packets":2,"bytes":5000}},"state":"time_wait","status":["assured","src_nat"],"reason":"destroyed","doubt":["began-before","gap"]}
{"v":1,"start":"2025-11-22T08:26:40.000000000Z","proto":"icmpv6","protonum":58,"nat":"dnat","side":"destination","inside":{"addr":"fd00::2"},"outside":{"addr":"2001:db8::2"},"peer":{"addr":"2001:db8::1","port":7},"orig":{"src":"2001:db8::1","sport":7,"dst":"2001:db8::2"},"reply":{"src":"fd00::2","dst":"2001:db8::1","dport":7},"icmp":{"type":128,"code":0},"zone":4,"live":true}
{"v":1,"start":"2025-11-22T08:26:40.000000000Z","proto":"50","protonum":50,"nat":"snat","side":"source","inside":{"addr":"10.0.0.5"},"outside":{"addr":"203.0.113.7"},"peer":{"addr":"198.51.100.9"},"orig":{"src":"10.0.0.5","dst":"198.51.100.9"},"reply":{"src":"198.51.100.9","dst":"203.0.113.7"},"status":["src_nat"]}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// TestText expects text to keep its value, whatever is in it.
func TestText(t *testing.T) {
	for _, text := range []string{"", "blue", "a \"name\", <quoted> \\", "\x1b[31m\u009b\u202e\u2028\n\x7f", "bad \xff byte"} {
		line, err := json.Marshal(Text(text))
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(line, &back); err != nil || back != strings.ToValidUTF8(text, "\ufffd") {
			t.Errorf("%q became %s, which is %q (%v)", text, line, back, err)
		}
		for _, r := range string(line) {
			if monitor.Unsafe(r) {
				t.Errorf("%q: %U is in %s", text, r, line)
			}
		}
	}
}

// TestCSV holds the CSV form to what docs/history.md says.
func TestCSV(t *testing.T) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Write(CSVColumns)
	for _, a := range rowAnswers() {
		w.Write(AppendCSV(nil, &a))
	}
	w.Flush()
	want := `start,end,proto,protonum,nat,side,inside,inside_port,outside,outside_port,peer,peer_port,orig_src,orig_sport,orig_dst,orig_dport,reply_src,reply_sport,reply_dst,reply_dport,icmp_type,icmp_code,zone,netns,orig_packets,orig_bytes,reply_packets,reply_bytes,state,status,reason,doubt
2025-11-22T08:26:40.000000000Z,2025-11-22T08:27:40.000000005Z,tcp,6,snat,source,10.0.0.5,40000,203.0.113.7,32768,198.51.100.9,443,10.0.0.5,40000,198.51.100.9,443,198.51.100.9,443,203.0.113.7,32768,,,,'=cmd\u202e,3,180,2,5000,time_wait,assured src_nat,destroyed,began-before gap
2025-11-22T08:26:40.000000000Z,,icmpv6,58,dnat,destination,fd00::2,,2001:db8::2,,2001:db8::1,7,2001:db8::1,7,2001:db8::2,,fd00::2,,2001:db8::1,7,128,0,4,,,,,,,,,
2025-11-22T08:26:40.000000000Z,,50,50,snat,source,10.0.0.5,,203.0.113.7,,198.51.100.9,,10.0.0.5,,198.51.100.9,,198.51.100.9,,203.0.113.7,,,,,,,,,,,src_nat,,
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
