package jsonl

import (
	"net/netip"
	"testing"
	"time"

	"natlens/monitor"
)

func TestParseTime(t *testing.T) {
	for _, text := range []string{
		"1970-01-01T00:00:00.000000000Z", "2026-11-22T06:12:01.123456789Z", "2024-02-29T23:59:59.999999999Z",
		"1969-12-31T23:59:59.999999999Z", "2000-02-29T00:00:00.000000001Z", "2100-03-01T00:00:00.000000000Z",
		"1678-01-01T00:00:00.000000000Z", "2262-04-11T23:47:16.854775807Z", "2026-11-22T06:12:01Z",
		"2026-11-22T07:12:01.5+01:00", "1677-09-21T00:12:43.145224192Z",
	} {
		want, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := parseTime([]byte(text)); !ok || got != monitor.Time(want.UnixNano()) {
			t.Errorf("%s: got %d, %v, want %d", text, got, ok, want.UnixNano())
		}
	}
	for _, text := range []string{
		"", "yesterday", "2026-02-29T00:00:00.000000000Z", "2026-13-01T00:00:00.000000000Z", "2026-00-01T00:00:00.000000000Z",
		"2026-01-01T24:00:00.000000000Z", "2026-01-01T00:60:00.000000000Z", "2026-01-01T00:00:60.000000000Z",
		"2026-01-01T00:00:00.00000000-Z", "2263-01-01T00:00:00.000000000Z", "1600-01-01T00:00:00.000000000Z", "-026-01-01T00:00:00.000000000Z",
	} {
		if got, ok := parseTime([]byte(text)); ok {
			t.Errorf("%s: got %d", text, got)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("2026-11-22T06:12:01.123456789Z")
	f.Add("2024-02-29T23:59:59.999999999Z")
	f.Fuzz(func(t *testing.T, text string) {
		want, err := time.Parse(time.RFC3339Nano, text)
		got, ok := parseTime([]byte(text))
		if ok && (err != nil || !got.Time().Equal(want)) {
			t.Errorf("%s: got %v, want %v, %v", text, got.Time(), want, err)
		}
		if !ok && err == nil && want.Year() > 1678 && want.Year() < 2262 {
			t.Errorf("%s: refused", text)
		}
	})
}

func FuzzParseAddr(f *testing.F) {
	for _, text := range []string{"192.0.2.1", "::", "::1", "1::", "2001:db8::9", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::2::3", ":1", "1:", "01.2.3.4", "256.0.0.1", "1.2.3", "fe80::1%eth0", "12345::"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := netip.ParseAddr(text)
		if err == nil && want.Zone() != "" {
			err = errAddress // the kernel tracks none
		}
		got, ok := parseAddr([]byte(text))
		if ok != (err == nil) || ok && got != monitor.AddrFrom(want) {
			t.Errorf("%q: got %v, %v, want %v, %v", text, got, ok, want, err)
		}
	})
}

// TestLineAllocates shows that reading the usual line makes no memory.
func TestLineAllocates(t *testing.T) {
	line := []byte(`{"v":1,"ts":"2026-11-22T06:12:01.123456789Z","ts_source":"kernel","seq":1842,"event":"new","id":1561741433,"family":"ipv4","proto":"tcp","protonum":6,"state":"syn_sent","timeout":120,"orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat","src":"203.0.113.1","sport":39502},"status":["confirmed","src_nat","src_nat_done"],"mark":0,"path":"forward","flow":12,"helper":"ftp","remembered":["helper"]}`)
	var b monitor.Batch
	b.Add()
	b.NewExtra()
	var d Decoder
	if n := testing.AllocsPerRun(100, func() {
		b.Reset()
		if err := d.Decode(line, &b); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a line, want 0", n)
	}
}

func BenchmarkLine(b *testing.B) {
	line := []byte(`{"v":1,"ts":"2026-11-22T06:12:01.123456789Z","ts_source":"kernel","seq":1842,"event":"new","id":1561741433,"family":"ipv4","proto":"tcp","protonum":6,"state":"syn_sent","timeout":120,"orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat","src":"203.0.113.1","sport":39502},"status":["confirmed","src_nat","src_nat_done"],"mark":0,"path":"forward","flow":12}`)
	var batch monitor.Batch
	var d Decoder
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		batch.Reset()
		if err := d.Decode(line, &batch); err != nil {
			b.Fatal(err)
		}
	}
}
