//go:build linux

package table

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/export"
	"natlens/monitor/golden"
)

// The flows of a recording at a time: a flow through SNAT lives from second 1 to 9, a second one stays.
func TestListFromAt(t *testing.T) {
	for at, want := range map[string]string{
		"--at 2026-11-22T06:12:01Z": "7 syn_sent",
		"--at +1s":                  "7 established",
		"--at -4s":                  "7 established, 8 <nil>",
		"":                          "8 <nil>",
	} {
		got := clitest.Run(t.Context(), NewList, "", strings.Fields("--from ../watch/testdata/life.jsonl "+at)...)
		var flows []string
		for _, line := range clitest.Lines(t, got.Stdout) {
			flows = append(flows, fmt.Sprint(line["id"], " ", line["state"]))
			if line["path"] != "forward" || line["event"] != "existing" || line["timeout"] != nil {
				t.Errorf("%s: %v", at, line)
			}
		}
		if got.Err != nil || strings.Join(flows, ", ") != want {
			t.Errorf("%s: %v, %q, want %q; %s", at, got.Err, flows, want, got.Stderr)
		}
	}
}

// A recording without an event has no time for --at.
func TestListFromNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.pcapng")
	file, err := export.Create(path, export.CreateOptions{Binary: true})
	if err != nil {
		t.Fatal(err)
	}
	sink, err := export.New("pcapng", file, export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	got := clitest.Run(t.Context(), NewList, "", "--from", path, "--at", "-1s")
	if got.Code() != 1 || got.Stdout != "" {
		t.Errorf("%v, %q", got.Err, got.Stdout)
	}
	golden.Words(t, "no event", got.Err.Error())
}
