//go:build linux

package watch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natlens/cmd/natlens/cli/clitest"
)

// lifeLines are a flow through SNAT that lives from second 1 to 9, and a second one.
const lifeLines = `{"v":1,"ts":"2026-11-22T06:12:01.000000000Z","ts_source":"kernel","seq":1,"event":"new","id":7,"family":"ipv4","proto":"tcp","protonum":6,"state":"syn_sent","timeout":120,"orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat","src":"203.0.113.1","sport":39502},"status":["confirmed","src_nat","src_nat_done"],"path":"forward","flow":1}
{"v":1,"ts":"2026-11-22T06:12:02.000000000Z","ts_source":"kernel","seq":2,"event":"update","id":7,"family":"ipv4","proto":"tcp","protonum":6,"state":"established","timeout":432000,"orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat","src":"203.0.113.1","sport":39502},"status":["seen_reply","assured","confirmed","src_nat","src_nat_done"],"path":"forward","flow":1}
{"v":1,"ts":"2026-11-22T06:12:05.000000000Z","ts_source":"kernel","seq":3,"event":"new","id":8,"family":"ipv4","proto":"udp","protonum":17,"timeout":30,"orig":{"src":"192.168.77.2","sport":5353,"dst":"203.0.113.9","dport":53},"reply":{"src":"203.0.113.9","sport":53,"dst":"192.168.77.2","dport":5353},"nat":{"kind":"none"},"status":["confirmed"],"path":"forward","flow":2}
{"v":1,"ts":"2026-11-22T06:12:09.000000000Z","ts_source":"kernel","seq":4,"event":"destroy","id":7,"family":"ipv4","proto":"tcp","protonum":6,"state":"close","orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat","src":"203.0.113.1","sport":39502},"status":["seen_reply","assured","confirmed","src_nat","src_nat_done","dying"],"path":"forward","flow":1,"born":"2026-11-22T06:12:01.000000000Z"}
`

// TestPackedCutAnywhere cuts packed recordings at every byte: what is left is read
// without an error, and is what the whole one begins with.
func TestPackedCutAnywhere(t *testing.T) {
	for _, ending := range []string{".gz", ".zst"} {
		path := filepath.Join(t.TempDir(), "x.jsonl"+ending)
		synctest.Test(t, func(t *testing.T) {
			part, err := openPart(path, false)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(lifeLines) {
				if _, err := part.Write([]byte(line)); err != nil {
					t.Fatal(err)
				}
				before := part.Size()
				time.Sleep(packTime + time.Millisecond) // of the bubble's clock
				synctest.Wait()
				if part.Size() == before {
					t.Errorf("%s: after %s the file has not grown", ending, packTime)
				}
			}
			if err := part.Close(); err != nil {
				t.Fatal(err)
			}
		})
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		most := 0
		for n := 20; n <= len(whole); n += 3 {
			if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			r := clitest.Run(t.Context(), New, "", "--quiet", "-o", "jsonl", "--from", path)
			if r.Code() != 0 || !strings.HasPrefix(lifeLines, r.Stdout) {
				t.Fatalf("%s cut at %d of %d: code %d, %s%s", ending, n, len(whole), r.Code(), r.Stderr, r.Stdout)
			}
			most = max(most, strings.Count(r.Stdout, "\n"))
		}
		if most < 3 {
			t.Errorf("%s: never more than %d lines", ending, most)
		}
	}
}
