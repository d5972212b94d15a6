//go:build linux

package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/replay"
)

// "-" reads the recording from standard input.
func TestFromStandardInput(t *testing.T) {
	lines, err := os.ReadFile("../watch/testdata/life.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	from := FromFlags{Paths: []string{"-"}}
	rec, err := from.Recording(t.Context(), Console{Stdin: bytes.NewReader(lines)}, replay.Config{})
	if err != nil {
		t.Fatal(err)
	}
	src, err := rec.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var ids []uint32
	err = monitor.Each(t.Context(), src, func(e *monitor.Event) { ids = append(ids, e.Flow.ID) })
	if err != nil || len(ids) != 4 || ids[0] != 7 || ids[2] != 8 {
		t.Errorf("%v, %v", ids, err)
	}
}

// The end of ctx ends the reading of a pipe that has no data.
func TestFromPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	from := FromFlags{Paths: []string{path}}
	rec, err := from.Recording(ctx, Console{}, replay.Config{})
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the reader
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	stop()
	if _, err := rec.Open(); !errors.Is(err, context.Canceled) {
		t.Errorf("Open returned %v", err)
	}
}
