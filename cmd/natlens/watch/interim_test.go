//go:build linux

package watch

import (
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestInterim expects the counters of a flow that began before the run, again and again, and in a recording too. The
// filter selects them like other events.
func TestInterim(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{Acct: true, Sysctls: map[string]string{"net.netfilter.nf_conntrack_udp_timeout": "600"}})
	if _, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS, Bytes: 100}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.pcapng")
	netns := []string{"--interim", "1s", "--netns", l.Gateway.Path()}
	watch := clitest.Start(t, New, append(netns, "-o", "jsonl", "-e", "destroy", "dport", "53")...)
	none := clitest.Start(t, New, append(netns, "-o", "jsonl", "dport", "54")...)
	record := clitest.Start(t, NewRecord, append(netns, file, "event interim", "--limit", "1")...)
	const counters = `"counters":{"orig":{"packets":1,"bytes":128},"reply":{"packets":1,"bytes":128}}`
	watch.WaitLines(t, 2, counters)
	if got := none.Stop(t); got.Err != nil || got.Stdout != "" {
		t.Errorf("%v: %s", got.Err, got.Stdout)
	}
	if got := watch.Stop(t); got.Err != nil || clitest.Lines(t, got.Stdout)[0]["event"] != "interim" {
		t.Errorf("%v: %s", got.Err, got.Stdout)
	}
	if got := record.Wait(t); got.Err != nil {
		t.Error(got.Err)
	}
	again := clitest.Run(t.Context(), New, "", "--from", file)
	if again.Err != nil || !strings.Contains(again.Stdout, counters) || strings.Count(again.Stdout, "\n") != 1 {
		t.Errorf("%v: %s%s", again.Err, again.Stdout, again.Stderr)
	}
}
