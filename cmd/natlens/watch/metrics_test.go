//go:build linux

package watch

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

var metricsLine = regexp.MustCompile(`natlens: metrics: (http://\S+/metrics)`)

// scrape reads the metrics of a run with --metrics 127.0.0.1:0, "" if nothing listens.
func scrape(t *testing.T, r *clitest.Running) string {
	t.Helper()
	at := metricsLine.FindStringSubmatch(r.Stderr.String())
	if at == nil {
		t.Fatalf("no metrics on standard error: %s", r.Stderr.String())
	}
	answer, err := http.Get(at[1])
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", answer.Status, err, text)
	}
	return string(text)
}

// waitMetrics waits until the metrics have these lines.
func waitMetrics(t *testing.T, r *clitest.Running, lines ...string) {
	t.Helper()
	var text string
	var missing []string
	defer func() {
		if t.Failed() {
			t.Logf("without %q: %s", missing, regexp.MustCompile(`(?m)^natlens_.*\n`).FindAllString(text, -1))
		}
	}()
	labtest.WaitFor(t, "the metrics", func() bool {
		text, missing = scrape(t, r), nil
		for _, line := range lines {
			if !strings.Contains(text, line+"\n") {
				missing = append(missing, line)
			}
		}
		return missing == nil
	})
}

// Metrics count flows that began before the run. It shows no more than without --metrics.
func TestMetrics(t *testing.T) {
	l := labtest.New(t)
	labtest.FlowsUDP(t, l, 2)
	r := begin(t, l, "--metrics", "127.0.0.1:0", "udp", "and", "event", "new", "--limit", "3")
	waitMetrics(t, r, `natlens_flows{protocol="udp",state="replied"} 2`)
	if r.Stdout.String() != "" {
		t.Errorf("flows of before are shown: %s", r.Stdout.String())
	}
	labtest.FlowsUDP(t, l, 2)
	waitMetrics(t, r, `natlens_events_total{kind="new",protocol="udp",state="unreplied"} 2`,
		`natlens_events_total{kind="update",protocol="udp",state="replied"} 2`, `natlens_table_entries 4`,
		`natlens_snat_pools 1`, `natlens_events_lost_total 0`,
		`natlens_snat_ports_in_use{address="203.0.113.1",protocol="udp"} 4`, `natlens_kernel_stat_total{stat="insert_failed"} 0`)
	labtest.FlowsUDP(t, l, 1)
	if got := r.Wait(t); got.Err != nil || strings.Count(got.Stdout, "\n") != 3 {
		t.Errorf("%v, %s", got.Err, got.Stdout)
	}
	if scrape(t, r) != "" {
		t.Error("it listens after the end")
	}
}

// Metrics and their findings cover every event and every flow, also of those from
// before the start, whatever the filter and -e select.
func TestMetricsOfEveryFlow(t *testing.T) {
	for _, wanted := range []string{"", "-e new ", "--capture socket "} {
		l := labtest.New(t)
		labtest.FlowsUDP(t, l, 2)
		r := begin(t, l, strings.Fields(wanted+"--metrics 127.0.0.1:0 udp dport 53")...)
		labtest.Unanswered(t, l, 25)
		waitMetrics(t, r, `natlens_events_total{kind="new",protocol="tcp",state="syn_sent"} 25`,
			`natlens_findings{rule="syn-unanswered"} 1`, `natlens_flows{protocol="tcp",state="syn_sent"} 25`,
			`natlens_flows{protocol="udp",state="replied"} 2`, `natlens_snat_pools 2`)
		if got := r.Stop(t); got.Err != nil || got.Stdout != "" {
			t.Errorf("%s: %v, %s%s", wanted, got.Err, got.Stdout, got.Stderr)
		}
	}
}

// An address that is in use ends watch and record before they open anything.
func TestMetricsInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	path := filepath.Join(t.TempDir(), "flows.pcapng")
	at := l.Addr().String()
	for _, got := range []*clitest.Result{
		clitest.Run(t.Context(), New, "", "--metrics", at), clitest.Run(t.Context(), NewRecord, "", path, "--metrics", at),
	} {
		want := "--metrics " + at + ": another program listens there: address already in use"
		if got.Code() != 1 || got.Err.Error() != want || got.Stderr != "" {
			t.Errorf("%v, %s", got.Err, got.Stderr)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
}
