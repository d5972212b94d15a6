package ctnetlink

import (
	"strings"
	"testing"

	"natlens/monitor"
)

// benched are golden messages: file, the comment of the message, which of those.
var benched = []struct {
	name, file, comment string
	nth                 int
}{
	{"UDP NEW", "udp_plain.txt", "UDP, first packet", 0},
	{"UDP NEW with time", "udp.txt", "UDP, first packet", 0},
	{"TCP NEW", "tcp.txt", "open:", 0},
	{"TCP UPDATE", "tcp.txt", "open:", 2},
	{"TCP DESTROY with counters", "tcp.txt", "destroyed", 0},
	{"UDP NEW over IPv6", "ipv6.txt", "UDP over IPv6, first packet", 0},
	{"ICMP NEW", "icmp.txt", "echo", 0},
	{"FTP control UPDATE", "ftp.txt", "control", 2},
	{"FTP data NEW", "ftp.txt", "data", 0},
	{"dumped TCP", "dump.txt", "dump", 1},
}

func benchedMessage(tb testing.TB, file, comment string, nth int) []byte {
	tb.Helper()
	for _, g := range goldenAll(tb) {
		if g.file == file && strings.HasPrefix(g.comments[0], comment) {
			if nth--; nth < 0 {
				return g.msg
			}
		}
	}
	tb.Fatalf("no message %q in %s", comment, file)
	return nil
}

func BenchmarkDecode(b *testing.B) {
	for _, bm := range benched {
		msg := benchedMessage(b, bm.file, bm.comment, bm.nth)
		b.Run(bm.name, func(b *testing.B) {
			var d Decoder
			var batch monitor.Batch
			b.ReportAllocs()
			b.SetBytes(int64(len(msg)))
			for b.Loop() {
				if len(batch.Events) == monitor.BatchSize {
					batch.Reset()
				}
				if err := d.Decode(msg, &batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestNoAllocations(t *testing.T) {
	all := goldenAll(t)
	var d Decoder
	var b monitor.Batch
	allocs := testing.AllocsPerRun(10, func() {
		b.Reset()
		for i := range all {
			if err := d.Decode(all[i].msg, &b); err != nil {
				t.Fatal(err)
			}
		}
	})
	var want float64
	if hostIsBigEndian {
		for i := range all {
			if b.Events[i].Has.Any(monitor.AttrLabels) {
				want++
			}
		}
	}
	if allocs != want {
		t.Errorf("%v allocations for %d messages, want %v", allocs, len(all), want)
	}
}
