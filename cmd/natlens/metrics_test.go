//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

var metricsLine = regexp.MustCompile(`natlens: metrics: (http://\S+)/metrics`)

// metricsOf is where a run that was begun with --metrics 127.0.0.1:0 serves.
func (r *running) metricsOf(t *testing.T) string {
	t.Helper()
	return metricsAt(t, r.stderr.String())
}

func metricsAt(t *testing.T, stderr string) string {
	t.Helper()
	m := metricsLine.FindStringSubmatch(stderr)
	if m == nil {
		t.Fatalf("no metrics on standard error: %s", stderr)
	}
	return m[1]
}

// httpGet reads a page.
func httpGet(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", url, r.Status, err, text)
	}
	return string(text)
}

// dashboard is docs/grafana/natlens.json as far as it matters here.
type dashboard struct {
	Panels []struct {
		Title, Type string
		Targets     []struct{ Expr string }
	}
	Templating struct{ List []struct{ Name string } }
}

// TestDashboard has a real Prometheus scrape natlens in the lab's traffic, and
// runs every query of the dashboard in it.
func TestDashboard(t *testing.T) {
	prometheus := labtest.Need(t, "prometheus")
	t.Parallel()
	var d dashboard
	text, err := os.ReadFile(filepath.Join(moduleTop, "docs/grafana/natlens.json"))
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	l := labtest.New(t)
	busy, stop := context.WithCancel(t.Context())
	r := begin(t, busy, l, cli.Console{}, "record", filepath.Join(t.TempDir(), "flows.pcapng"), "--metrics", "127.0.0.1:0")
	defer func() { stop(); r.end(t) }()
	at := r.metricsOf(t)
	traffic := make(chan error, 1)
	go func() { traffic <- l.Run(busy, lab.Traffic{Rate: 40, Seed: 1}) }()
	defer func() { stop(); <-traffic }()

	base := startPrometheus(t, prometheus, strings.TrimPrefix(at, "http://"))
	flushed := false
	queries := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries++
			if strings.Contains(target.Expr, "lifetime") && !flushed { // no flow of the lab ends by itself within seconds
				flushed = true
				if c := call(t.Context(), cli.Console{}, "flush", "--yes", "--netns", l.Gateway.Path()); c.code != 0 {
					t.Fatal(c.stderr.String())
				}
			}
			labtest.WaitFor(t, p.Title+": "+target.Expr, func() bool { return query(t, base, target.Expr) > 0 })
		}
	}
	if queries < 15 {
		t.Errorf("%d queries; there were more", queries)
	}
	checkMetrics(t, httpGet(t, at+"/metrics"))
}

// startPrometheus starts a Prometheus that scrapes the target every second, and
// returns where it answers.
func startPrometheus(t *testing.T, program, target string) string {
	t.Helper()
	dir := t.TempDir()
	config := "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: natlens, static_configs: [{targets: ['" + target + "']}]}]\n"
	if err := os.WriteFile(dir+"/prometheus.yml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command(program, "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+address, "--log.level=warn")
	var log clitest.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus: %s", log.String())
		}
	})
	labtest.WaitFor(t, "Prometheus", func() bool {
		r, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			r.Body.Close()
		}
		return err == nil && r.StatusCode == http.StatusOK
	})
	return "http://" + address
}

// query runs a query of the dashboard and returns how many series it gives that
// have a number. An error of the query fails the test.
func query(t *testing.T, base, expr string) (series int) {
	t.Helper()
	expr = strings.NewReplacer("$__rate_interval", "5s", "$instance", ".*").Replace(expr)
	r, err := http.PostForm(base+"/api/v1/query", url.Values{"query": {expr}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Status != "success" {
		t.Fatalf("%s: %s", expr, answer.Error)
	}
	for _, one := range answer.Data.Result {
		if fmt.Sprint(one.Value[1]) != "NaN" {
			series++
		}
	}
	return series
}

// checkMetrics has promtool check a scrape: names, types, units, help.
func checkMetrics(t *testing.T, scrape string) {
	t.Helper()
	promtool := labtest.Need(t, "promtool")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(scrape)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v: %s", err, out)
	}
}
