package history

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"natlens/monitor"
)

// rowAnswers are one closed and one open translation.
func rowAnswers() []Answer {
	return []Answer{
		{
			Namespace: "=cmd", Side: SourceSide,
			Translation: Translation{
				Start: at0, End: at0 + 60*second + 5, From: endpoint("10.0.0.5:40000"), To: endpoint("198.51.100.9:443"),
				SentAs: endpoint("203.0.113.7:32768"), DeliveredTo: endpoint("198.51.100.9:443"), Proto: monitor.TCP, Family: monitor.IPv4, NAT: SNAT,
				Original: monitor.Counters{Packets: 3, Bytes: 180}, Reply: monitor.Counters{Packets: 2, Bytes: 5000}, Counted: true,
				Reason: Destroyed, Status: monitor.SrcNAT | monitor.Assured, State: monitor.TCPTimeWait, HasState: true, Doubt: TouchedByGap | BeganBefore,
			},
		},
		{
			Side: DestinationSide, Live: true,
			Translation: Translation{
				Start: at0, From: endpoint("[2001:db8::1]:7"), To: endpoint("[2001:db8::2]:0"), SentAs: endpoint("[2001:db8::1]:7"),
				DeliveredTo: endpoint("[fd00::2]:0"), Proto: monitor.ICMPv6, Family: monitor.IPv6, NAT: DNAT, ICMP: 128 << 8, Zone: 4,
			},
		},
	}
}

func writeRows(t *testing.T, w RowWriter) {
	t.Helper()
	answers := rowAnswers()
	for i := range answers {
		if err := w.Write(&answers[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestJSONL(t *testing.T) {
	var out bytes.Buffer
	w := NewJSONL(&out)
	if err := w.Gap(&Gap{From: at0, To: at0 + second, Count: 7, AtLeast: true, Cause: Lost}); err != nil {
		t.Fatal(err)
	}
	writeRows(t, w)
	want := `{"v":1,"gap":"lost","from":"2025-11-22T08:26:40.000000000Z","to":"2025-11-22T08:26:41.000000000Z","count":7,"at_least":true}
{"v":1,"start":"2025-11-22T08:26:40.000000000Z","end":"2025-11-22T08:27:40.000000005Z","proto":"tcp","protonum":6,"nat":"snat","side":"source","inside":{"addr":"10.0.0.5","port":40000},"outside":{"addr":"203.0.113.7","port":32768},"peer":{"addr":"198.51.100.9","port":443},"orig":{"src":"10.0.0.5","sport":40000,"dst":"198.51.100.9","dport":443},"reply":{"src":"198.51.100.9","sport":443,"dst":"203.0.113.7","dport":32768},"netns":"=cmd","counters":{"orig":{"packets":3,"bytes":180},"reply":{"packets":2,"bytes":5000}},"state":"time_wait","status":["assured","src_nat"],"reason":"destroyed","doubt":["began-before","gap"]}
{"v":1,"start":"2025-11-22T08:26:40.000000000Z","proto":"icmpv6","protonum":58,"nat":"dnat","side":"destination","inside":{"addr":"fd00::2","port":0},"outside":{"addr":"2001:db8::2","port":0},"peer":{"addr":"2001:db8::1","port":7},"orig":{"src":"2001:db8::1","sport":7,"dst":"2001:db8::2","dport":0},"reply":{"src":"fd00::2","sport":0,"dst":"2001:db8::1","dport":7},"icmp":{"type":128,"code":0},"zone":4,"live":true}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	writeRows(t, NewCSV(&out))
	want := `start,end,proto,protonum,nat,side,inside,inside_port,outside,outside_port,peer,peer_port,orig_src,orig_sport,orig_dst,orig_dport,reply_src,reply_sport,reply_dst,reply_dport,icmp_type,icmp_code,zone,netns,orig_packets,orig_bytes,reply_packets,reply_bytes,state,status,reason,doubt
2025-11-22T08:26:40.000000000Z,2025-11-22T08:27:40.000000005Z,tcp,6,snat,source,10.0.0.5,40000,203.0.113.7,32768,198.51.100.9,443,10.0.0.5,40000,198.51.100.9,443,198.51.100.9,443,203.0.113.7,32768,,,,'=cmd,3,180,2,5000,time_wait,assured src_nat,destroyed,began-before gap
2025-11-22T08:26:40.000000000Z,,icmpv6,58,dnat,destination,fd00::2,0,2001:db8::2,0,2001:db8::1,7,2001:db8::1,7,2001:db8::2,0,fd00::2,0,2001:db8::1,7,128,0,4,,,,,,,,,
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestParquet(t *testing.T) {
	var out bytes.Buffer
	writeRows(t, NewParquet(&out))
	rows, err := parquet.Read[parquetRow](bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	a, b := rows[0], rows[1]
	if a.Start != int64(at0) || a.End != int64(at0+60*second+5) || a.Inside != "10.0.0.5" || a.OutsidePort != 32768 || *a.ReplyBytes != 5000 ||
		*a.State != "time_wait" || a.Doubt != "began-before gap" || a.ICMPType != nil || *a.NetNS != "=cmd" {
		t.Errorf("%+v", a)
	}
	if b.End != 0 || b.OrigBytes != nil || b.State != nil || b.Reason != nil || b.Side != "destination" || *b.ICMPType != 128 || *b.Zone != 4 || b.Inside != "fd00::2" {
		t.Errorf("%+v", b)
	}
}
