package jsonl

import (
	"strings"
	"testing"

	"natlens/monitor"
)

const usual = `{"v":1,"ts":"2026-11-22T06:12:01.123456789Z","ts_source":"kernel","seq":1842,"event":"new","id":1561741433,"family":"ipv4","proto":"tcp","protonum":6,"state":"syn_sent","timeout":120,"orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat","src":"203.0.113.1","sport":39502},"status":["confirmed","src_nat","src_nat_done"],"mark":0,"path":"forward","flow":12}`

func TestDecodeErrors(t *testing.T) {
	long := strings.Repeat("A", 5000)
	for line, want := range map[string]string{
		`{"v":1,"event":"new"`:                       "ends in the middle",
		`{"v":1 "event":"new"}`:                      `not JSON: invalid character '"' after object key:value pair`,
		`{"v":1,"event":"new"}x`:                     "not JSON: invalid character 'x' after top-level value",
		`["v"]`:                                      "not a JSON object",
		`{"event":"new"}`:                            "no version (v)",
		`{"v":2,"event":7}`:                          "version 2 of the lines, and this program knows version 1: a newer natlens wrote them",
		`{"v":1,"event":"none"}`:                     `event: "none" is not an event`,
		`{"v":1,"event":"new","timeout":1e3}`:        "timeout: number 1e3, want a whole number from 0 to 4294967295",
		`{"v":1,"event":"new","timeout":4294967296}`: "timeout: number 4294967296, want a whole number from 0 to 4294967295",
		`{"v":1,"event":"new","seq":-1}`:             "seq: number -1, want a whole number from 0 to 18446744073709551615",
		`{"v":1,"event":"new","seq":` + strings.Repeat("1", 100) + `}`:      "seq: number " + strings.Repeat("1", 57) + "…, want a whole number from 0 to 18446744073709551615",
		`{"v":1,"event":"new","inferred":1}`:                                "inferred: number, want true or false",
		`{"v":1,"event":"new","status":"x"}`:                                "status: string, want a list",
		`{"v":1,"event":"new","orig":[]}`:                                   "orig: array, want an object",
		`{"v":1,"event":"new","protonum":6,"orig":{"sport":65536}}`:         "orig.sport: number 65536, want a whole number from 0 to 65535",
		`{"v":1,"event":"new","master":{"sport":65536}}`:                    "master.sport: number 65536, want a whole number from 0 to 65535",
		`{"v":1,"event":"new","counters":{"orig":{"bytes":true}}}`:          "counters.orig.bytes: bool, want a whole number from 0 to 18446744073709551615",
		`{"v":1,"event":"new","labels":[128]}`:                              "labels: number 128, want a whole number from 0 to 127",
		`{"v":1,"event":"new","ts":"now"}`:                                  `ts: "now" is not a time`,
		`{"v":1,"event":"new","ts":"2263-01-01T00:00:00Z"}`:                 `ts: "2263-01-01T00:00:00Z" is not a time`,
		`{"v":1,"event":"new","protonum":6,"orig":{"src":"1.2.3"}}`:         `orig.src: "1.2.3" is not an address`,
		`{"v":1,"event":"new","protonum":6,"reply":{"dst":"fe80::1%eth0"}}`: `reply.dst: "fe80::1%eth0" is not an address`,
		`{"v":1,"event":"new","status":["none"]}`:                           `status: "none" is not a status bit`,
		`{"v":1,"event":"new","orig":{"src":"192.0.2.1"}}`:                  "a tuple without its protocol (protonum)",
		`{"v":1,"event":"new","protonum":6,"state":"sleeping"}`:             `state: "sleeping" is not a state of protocol 6`,
		`{"v":1,"event":"new","helper":"` + long + `"}`:                     "helper: 5000 bytes, at most 16 are possible",
		`{"v":1,"event":"new","helper_info":"0g"}`:                          `helper_info: "0g" is not bytes in hex`,
		`{"v":1,"event":"new","secctx":"` + long + `"}`:                     "secctx: 5000 bytes, at most 4096 are possible",
		`{"v":1,"event":"new","netns":"` + long + `"}`:                      "netns: 5000 bytes, at most 4096 are possible",
	} {
		d := Decoder{names: new(monitor.Namespaces)}
		var b monitor.Batch
		if err := d.Decode([]byte(line), &b); err == nil || err.Error() != want || len(b.Events) != 0 {
			t.Errorf("%.90s:\ngot  %v, %d events\nwant %s", line, err, len(b.Events), want)
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
