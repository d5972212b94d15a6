//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestRecord records in a gateway, in both formats and the three ways to pack, beside JSON
// lines, and wants the lines back from each file.
func TestRecord(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{Acct: true, Timestamp: true, Helpers: true, Sysctls: briefLives})
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	labtest.FlowsUDP(t, l, 2) // these are in the table already
	dir := t.TempDir()
	streams, end := context.WithCancel(ctx)
	runs := map[string]*running{}
	for _, name := range []string{"plain.pcapng", "gzip.pcapng.gz", "zstd.pcapng.zst", "plain.jsonl", "zstd.jsonl.zst"} {
		runs[name] = begin(t, streams, l, cli.Console{}, "record", "--existing=false", filepath.Join(dir, name))
	}
	lines := filepath.Join(dir, "lines")
	runs["lines"] = begin(t, streams, l, cli.Console{}, "watch", "-o", "jsonl", "--output", lines)
	waitListening(t, ctx, l.Gateway, len(runs))
	everyTraffic(t, ctx, l)
	waitEmpty(t, ctx, l)
	end()
	for name, r := range runs {
		if code := r.end(t); code != 0 {
			t.Errorf("%s: code %d, %s", name, code, r.stderr.String())
		}
	}
	want, err := os.ReadFile(lines)
	if err != nil {
		t.Fatal(err)
	}
	for name := range runs {
		again := call(t.Context(), cli.Console{}, "watch", "--quiet", "-o", "jsonl", "--from", filepath.Join(dir, name))
		if again.code != 0 || again.stderr.String() != "" || again.stdout.String() != string(want) {
			t.Errorf("%s: code %d, %s; %s", name, again.code, firstDifference(again.stdout.String(), string(want)), again.stderr.String())
		}
	}
	if plain, err := os.ReadFile(filepath.Join(dir, "plain.jsonl")); err != nil || string(plain) != string(want) {
		t.Errorf("plain.jsonl: %v, %s", err, firstDifference(string(plain), string(want)))
	}
}

// TestRecordSurvivesKill kills a recorder in the middle: what it had written is
// read, and begins with the flows that were in the table.
func TestRecordSurvivesKill(t *testing.T) {
	l := labtest.New(t)
	labtest.FlowsUDP(t, l, 3)
	for _, name := range []string{"x.pcapng", "x.pcapng.zst", "x.jsonl", "x.jsonl.zst"} {
		path := filepath.Join(t.TempDir(), name)
		p := start(t, l, "record", path)
		p.listening(t)
		labtest.FlowsUDP(t, l, 20)
		labtest.WaitFor(t, "events in the file", func() bool {
			return strings.Count(call(t.Context(), cli.Console{}, "watch", "--quiet", "-o", "jsonl", "--from", path, "-e", "new", "udp").stdout.String(), "\n") == 20
		})
		p.cmd.Process.Kill()
		<-p.ended
		again := call(t.Context(), cli.Console{}, "list", "--quiet", "-o", "jsonl", "--from", path, "udp")
		if n := strings.Count(again.stdout.String(), "\n"); again.code != 0 || n < 20 {
			t.Errorf("%s: code %d, %d flows: %s", name, again.code, n, again.stderr.String())
		}
		first := call(t.Context(), cli.Console{}, "watch", "--quiet", "-o", "jsonl", "--from", path, "--limit", "1")
		if !strings.Contains(first.stdout.String(), `"event":"existing"`) {
			t.Errorf("%s begins with %s", name, first.stdout.String())
		}
	}
}
