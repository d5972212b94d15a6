//go:build linux

package clitest

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab/labtest"
)

// Running is a command that runs beside the test.
type Running struct {
	Stdout, Stderr Buffer
	stop           context.CancelFunc
	ended          chan struct{} // closed when err is set
	err            error
}

// Start runs the command that build makes, and returns when it captures events or has ended. It ends
// with the test at the latest.
func Start(t testing.TB, build func(cli.Console) *cobra.Command, args ...string) *Running {
	t.Helper()
	r := &Running{ended: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() {
		defer close(r.ended)
		r.err = execute(ctx, build, cli.Console{Stdout: &r.Stdout, Stderr: &r.Stderr}, args)
	}()
	t.Cleanup(func() { stop(); <-r.ended })
	labtest.WaitFor(t, "the capture", func() bool {
		return r.hasEnded() || strings.Contains(r.Stderr.String(), "natlens: capture: ")
	})
	return r
}

func (r *Running) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// Wait waits until the command ends by itself.
func (r *Running) Wait(t testing.TB) *Result {
	t.Helper()
	labtest.WaitFor(t, "the end of the command", r.hasEnded)
	return &Result{r.Stdout.String(), r.Stderr.String(), r.err}
}

// Stop ends the command as SIGINT does.
func (r *Running) Stop(t testing.TB) *Result {
	t.Helper()
	r.stop()
	return r.Wait(t)
}

// WaitLines waits until standard output has n lines that contain text.
func (r *Running) WaitLines(t testing.TB, n int, text string) {
	t.Helper()
	labtest.WaitFor(t, "lines of output", func() bool {
		got := 0
		for line := range strings.Lines(r.Stdout.String()) {
			if strings.Contains(line, text) {
				got++
			}
		}
		return got >= n
	})
}

// Lines decodes JSON lines. Each must be whole.
func Lines(t testing.TB, text string) (lines []map[string]any) {
	t.Helper()
	if text != "" && !strings.HasSuffix(text, "\n") {
		t.Errorf("the last line is not whole: %q", text[max(0, len(text)-200):])
	}
	for line := range strings.Lines(text) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %d: %v: %q", len(lines)+1, err, line)
		}
		lines = append(lines, m)
	}
	return lines
}

// Buffer is a buffer that can be read while it is written.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *Buffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *Buffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
