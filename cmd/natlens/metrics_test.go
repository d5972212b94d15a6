//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"natlens/cmd/natlens/cli"
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

// TestMetrics scrapes a watch whose filter shows next to nothing: what was there
// before is counted as flows, and shown no more than without --metrics.
func TestMetrics(t *testing.T) {
	l := labtest.New(t)
	labtest.FlowsUDP(t, l, 2)
	r := begin(t, t.Context(), l, cli.Console{}, "watch", "--metrics", "127.0.0.1:0", "udp", "and", "event", "new", "--limit", "3")
	at := r.metricsOf(t)
	labtest.WaitFor(t, "the flows of before", func() bool {
		return strings.Contains(httpGet(t, at+"/metrics"), "natlens_flows{protocol=\"udp\",state=\"replied\"} 2\n")
	})
	if r.stdout.String() != "" {
		t.Errorf("flows of before are shown: %s", r.stdout.String())
	}
	labtest.FlowsUDP(t, l, 2)
	text := ""
	labtest.WaitFor(t, "the events", func() bool {
		text = httpGet(t, at+"/metrics")
		return strings.Contains(text, "natlens_events_total{kind=\"new\",protocol=\"udp\",state=\"unreplied\"} 2\n") &&
			strings.Contains(text, "natlens_events_total{kind=\"update\",protocol=\"udp\",state=\"replied\"} 2\n") && strings.Contains(text, "natlens_table_entries 4\n")
	})
	for _, line := range []string{
		`natlens_snat_pools 1`, `natlens_events_lost_total 0`,
		`natlens_snat_ports_in_use{address="203.0.113.1",protocol="udp"} 4`, `natlens_kernel_stat_total{stat="insert_failed"} 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, regexp.MustCompile(`(?m)^natlens_.*\n`).FindAllString(text, -1))
		}
	}
	labtest.FlowsUDP(t, l, 1)
	if code := r.end(t); code != 0 || strings.Count(r.stdout.String(), "\n") != 3 {
		t.Errorf("code %d, %s", code, r.stdout.String())
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://")); err == nil {
		conn.Close()
		t.Error("somebody listens after the end")
	}
}

// Metrics and their findings cover every event and every flow, also of those from
// before the start, whatever the filter and -e select.
func TestMetricsOfEveryFlow(t *testing.T) {
	for _, wanted := range [][]string{{"udp", "dport", "53"}, {"-e", "new", "udp", "dport", "53"}, {"--capture", "socket", "udp", "dport", "53"}} {
		l := labtest.New(t)
		labtest.FlowsUDP(t, l, 2)
		ctx, end := context.WithCancel(t.Context())
		r := begin(t, ctx, l, cli.Console{}, append([]string{"watch", "--metrics", "127.0.0.1:0"}, wanted...)...)
		at := r.metricsOf(t)
		for port := range uint16(25) { // ports that the kernel chooses may repeat: the first flow is still in the table then
			syn := lab.TCP{Local: netip.AddrPortFrom(netip.Addr{}, 40000+port), To: netip.AddrPortFrom(lab.Blackhole, 80)}
			if _, err := l.SYNOnce(ctx, syn); err != nil {
				t.Fatal(err)
			}
		}
		text := ""
		labtest.WaitFor(t, "the connections without an answer", func() bool {
			text = httpGet(t, at+"/metrics")
			return strings.Contains(text, "natlens_events_total{kind=\"new\",protocol=\"tcp\",state=\"syn_sent\"} 25\n") &&
				strings.Contains(text, "natlens_findings{rule=\"syn-unanswered\"} 1\n")
		})
		for _, line := range []string{
			`natlens_flows{protocol="tcp",state="syn_sent"} 25`, `natlens_flows{protocol="udp",state="replied"} 2`,
			`natlens_snat_pools 2`,
		} {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("%v: no %s in\n%s", wanted, line, regexp.MustCompile(`(?m)^natlens_.*\n`).FindAllString(text, -1))
			}
		}
		end()
		if code := r.end(t); code != 0 || r.stdout.String() != "" {
			t.Errorf("%v: code %d, %s%s", wanted, code, r.stdout.String(), r.stderr.String())
		}
	}
}

// TestMetricsInUse expects one line and an end before anything is begun.
func TestMetricsInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	path := filepath.Join(t.TempDir(), "flows.pcapng")
	for _, args := range [][]string{{"watch"}, {"record", path}} {
		got := call(t.Context(), cli.Console{}, append(args, "--metrics", l.Addr().String())...)
		want := "natlens: --metrics " + l.Addr().String() + ": another program listens there: address already in use\n"
		if got.code != 1 || got.stderr.String() != want {
			t.Errorf("code %d, %s", got.code, got.stderr.String())
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
}

// TestMetricsText expects a warning if other hosts can read the metrics.
func TestMetricsText(t *testing.T) {
	for _, c := range []struct{ address, holds string }{{"127.0.0.1:0", ""}, {"[::]:0", "restrict it with a firewall"}} {
		l, err := (&cli.MetricsFlags{Address: c.address}).Listen()
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			continue // no IPv6
		}
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if text := cli.MetricsText(l); strings.Contains(text, "firewall") != (c.holds != "") || !strings.Contains(text, c.holds) {
			t.Errorf("%s: %s", c.address, text)
		}
	}
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
	var log safeBuffer
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
