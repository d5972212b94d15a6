//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestRecordingIsTheStream watches a gateway as JSON lines, as a capture file and
// with conntrack -E, while flows of every kind come and go. The capture file read
// back is the JSON lines and conntrack's lines, to the byte; and the JSON lines
// read back are themselves.
func TestRecordingIsTheStream(t *testing.T) {
	needConntrack(t)
	l := labtest.NewWith(t, lab.Config{Acct: true, Timestamp: true, Helpers: true, Sysctls: briefLives})
	addVariety(t, l)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	dir := t.TempDir()
	lines, capture := filepath.Join(dir, "lines"), filepath.Join(dir, "capture")
	streams, end := context.WithCancel(ctx)
	asLines := begin(t, streams, l, cli.Console{}, "watch", "-o", "jsonl", "--output", lines)
	asCapture := begin(t, streams, l, cli.Console{}, "watch", "-o", "pcapng", "--output", capture)
	var theirs []*comparison
	var running sync.WaitGroup
	for _, args := range []string{"", "-o id,extended,ktimestamp,labels", "-p tcp --dport 443", "-e DESTROY"} {
		c := &comparison{args: strings.Fields(args)}
		defer c.start(t, ctx, l.Gateway, &running)()
		theirs = append(theirs, c)
	}
	waitListening(t, ctx, l.Gateway, 2+2*len(theirs))
	everyTraffic(t, ctx, l)
	waitEmpty(t, ctx, l)
	for _, c := range theirs {
		c.compare(t, ctx)
	}
	end()
	asLines.end(t)
	asCapture.end(t)

	written, err := os.ReadFile(lines)
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{lines, capture} {
		again := call(t.Context(), cli.Console{}, "watch", "-o", "jsonl", "--from", from)
		if again.code != 0 || again.stdout.String() != string(written) {
			t.Errorf("%s as JSON lines: code %d, %s; %s", filepath.Base(from), again.code, firstDifference(again.stdout.String(), string(written)), again.stderr.String())
		}
		for _, c := range theirs {
			again := call(t.Context(), cli.Console{}, append([]string{"-E", "--from", from}, c.args...)...)
			if got, want := c.normal(again.stdout.String()), c.normal(c.theirs.String()); again.code != 0 || got != want {
				t.Errorf("%s with conntrack -E %v: code %d, %s; %s", filepath.Base(from), c.args, again.code, firstDifference(want, got), again.stderr.String())
			}
		}
	}
	packed := call(t.Context(), cli.Console{}, "watch", "-o", "pcapng", "--from", capture)
	if whole, err := os.ReadFile(capture); err != nil || packed.stdout.String() != string(whole) {
		t.Errorf("the capture file read back is another one: %d bytes, was %d, %v", len(packed.stdout.String()), len(whole), err)
	}
	cancel()
	running.Wait()
}
