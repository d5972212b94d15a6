//go:build linux

package watch

import (
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

// A recording that is rotated is in files that follow each other, and that are read as one.
func TestRecordRotates(t *testing.T) {
	l := labtest.New(t)
	dir := t.TempDir()
	r := clitest.Start(t, NewRecord, "--rotate", "4KiB", "--rotate", "1h", filepath.Join(dir, "x.pcapng"), "udp", "--netns", l.Gateway.Path())
	files := func() []string {
		names, _ := filepath.Glob(filepath.Join(dir, "x-*Z*.pcapng"))
		return names
	}
	made := 0
	labtest.WaitFor(t, "files", func() bool {
		labtest.FlowsUDP(t, l, 5)
		made += 5
		return len(files()) >= 3
	})
	if got := r.Stop(t); got.Err != nil {
		t.Errorf("%v, %s", got.Err, got.Stderr)
	}
	args := []string{"--quiet", "-e", "new"}
	for _, f := range files() {
		args = append(args, "--from", f)
	}
	again := clitest.Run(t.Context(), New, "", args...)
	if n := strings.Count(again.Stdout, "\n"); again.Err != nil || n != made {
		t.Errorf("%v, %d new flows of %d in %d files: %s", again.Err, n, made, len(files()), again.Stderr)
	}
}
