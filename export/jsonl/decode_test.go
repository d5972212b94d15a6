package jsonl

import (
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
)

const usual = `{"v":1,"ts":"2026-11-22T06:12:01.123456789Z","ts_source":"kernel","seq":1842,"event":"new","id":1561741433,"family":"ipv4","proto":"tcp","protonum":6,"state":"syn_sent","timeout":120,"orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat","src":"203.0.113.1","sport":39502},"status":["confirmed","src_nat","src_nat_done"],"mark":0,"path":"forward","flow":12}`

func TestDecodeErrors(t *testing.T) {
	long := strings.Repeat("A", 5000)
	for _, line := range []string{
		`{"v":1,"event":"new"`,
		`{"v":1 "event":"new"}`,
		`{"v":1,"event":"new"}x`,
		`["v"]`,
		`{"event":"new"}`,
		`{"v":2,"event":7}`,
		`{"v":1,"event":"none"}`,
		`{"v":1,"event":"new","timeout":1e3}`,
		`{"v":1,"event":"new","timeout":4294967296}`,
		`{"v":1,"event":"new","seq":-1}`,
		`{"v":1,"event":"new","seq":` + strings.Repeat("1", 100) + `}`,
		`{"v":1,"event":"new","inferred":1}`,
		`{"v":1,"event":"new","status":"x"}`,
		`{"v":1,"event":"new","orig":[]}`,
		`{"v":1,"event":"new","protonum":6,"orig":{"sport":65536}}`,
		`{"v":1,"event":"new","master":{"sport":65536}}`,
		`{"v":1,"event":"new","counters":{"orig":{"bytes":true}}}`,
		`{"v":1,"event":"new","labels":[128]}`,
		`{"v":1,"event":"new","ts":"now"}`,
		`{"v":1,"event":"new","ts":"2263-01-01T00:00:00Z"}`,
		`{"v":1,"event":"new","protonum":6,"orig":{"src":"1.2.3"}}`,
		`{"v":1,"event":"new","protonum":6,"reply":{"dst":"fe80::1%eth0"}}`,
		`{"v":1,"event":"new","status":["none"]}`,
		`{"v":1,"event":"new","orig":{"src":"192.0.2.1"}}`,
		`{"v":1,"event":"new","protonum":6,"state":"sleeping"}`,
		`{"v":1,"event":"new","helper":"` + long + `"}`,
		`{"v":1,"event":"new","helper_info":"0g"}`,
		`{"v":1,"event":"new","secctx":"` + long + `"}`,
		`{"v":1,"event":"new","netns":"` + long + `"}`,
	} {
		d := Decoder{names: new(monitor.Namespaces)}
		var b monitor.Batch
		golden.Words(t, strings.ReplaceAll(line, long, "AAAA…"), d.Decode([]byte(line), &b))
		if len(b.Events) != 0 {
			t.Errorf("%.90s: %d events", line, len(b.Events))
		}
	}
}

// TestDecodeForms checks that other forms of the same values are read alike.
func TestDecodeForms(t *testing.T) {
	for other, want := range map[string]string{
		`"ts":"2026-11-22T07:12:01.5+01:00"`:                           `"ts":"2026-11-22T06:12:01.500000000Z"`,
		`"state":"SYN_SENT","protonum":6`:                              `"protonum":6,"state":"1"`,
		`"orig":{"src":"2001:DB8:0::9"},"protonum":58,"family":"ipv6"`: `"family":"ipv6","protonum":58,"orig":{"src":"2001:db8::9"}`,
		`"labels":[],"x":{"y":[1,{}]}`:                                 `"labels":[]`,
		`"status":["0x80000000","assured"]`:                            `"status":["assured","0x80000000"]`,
		`"helper":"\ud83d\ude00"`:                                      `"helper":"😀"`,
		`"use":null`:                                                   `"path":"to mars"`,
	} {
		var d Decoder
		var a, b monitor.Batch
		if err := d.Decode([]byte(`{"v":1,"event":"new",`+other+"}"), &a); err != nil {
			t.Fatalf("%s: %v", other, err)
		}
		if err := d.Decode([]byte(`{"v":1,"event":"new",`+want+"}"), &b); err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		w := NewWriter(nil)
		if got, want := string(w.AppendEvent(nil, &a.Events[0])), string(w.AppendEvent(nil, &b.Events[0])); got != want {
			t.Errorf("%s:\ngot  %swant %s", other, got, want)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	var batch monitor.Batch
	var d Decoder
	line := []byte(usual)
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		if err := d.Decode(line, &batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// A flow with a master is in the namespace and gateway of its line, and so is its master.
func TestMasterOfANamespace(t *testing.T) {
	for _, more := range []string{`"netns":"blue"`, `"gateway":{"name":"fra1-a"}`} {
		d, b := Decoder{names: new(monitor.Namespaces)}, monitor.Batch{}
		err := d.Decode([]byte(`{"v":1,"event":"new","family":"ipv4","proto":"tcp","protonum":6,`+
			`"orig":{"src":"192.0.2.1","sport":20,"dst":"10.0.0.2","dport":50000},`+
			`"master":{"family":"ipv4","proto":"tcp","protonum":6,"src":"10.0.0.2","sport":40000,"dst":"192.0.2.1","dport":21},`+
			more+`}`), &b)
		if err != nil {
			t.Fatal(err)
		}
		e := &b.Events[0]
		if e.NetNS() == 0 || e.Extra.Master.NetNS != e.NetNS() || e.Extra.Master.DstPort != 21 {
			t.Errorf("%s: namespace %d, that of the master %d, its port %d", more, e.NetNS(), e.Extra.Master.NetNS,
				e.Extra.Master.DstPort)
		}
	}
}
