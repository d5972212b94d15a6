//go:build linux

package watch

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// Findings go to the log, with the gateway of the run, and not to standard error as well.
func TestFindingsToLog(t *testing.T) {
	log, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	begin := time.Date(2026, 11, 22, 6, 12, 1, 0, time.UTC)
	var lines strings.Builder
	for i := range 21 {
		lines.WriteString(synLine("new", begin, i+1))
	}
	lines.WriteString(synLine("new", begin.Add(4*time.Second), 200))
	got := from(t, recording(t, lines.String()),
		fmt.Sprintf("--quiet -o csv --findings --gateway fra1-a --findings-to udp://%s false", log.LocalAddr()))
	if got.Err != nil || got.Stderr != "" {
		t.Fatalf("%v, %s", got.Err, got.Stderr)
	}
	if err := log.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<16)
	n, _, err := log.ReadFrom(b)
	for _, part := range []string{"<28>1 2026-11-22T06:12:0", ` syn-unanswered [natlens@32473 finding="appeared" `,
		` gateway="fra1-a"] syn-unanswered: 2`} {
		if err != nil || !strings.Contains(string(b[:n]), part) {
			t.Errorf("%v: %s", err, b[:n])
		}
	}
}
