//go:build !noui

package ui

import (
	"bytes"
	"io"
	"sync"
)

// laterNotes keeps the last notes until the screen is free again.
type laterNotes struct {
	mu    sync.Mutex
	lines [][]byte
}

const laterMost = 20

// Write stores a note.
func (n *laterNotes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lines = append(n.lines, bytes.Clone(p)); len(n.lines) > laterMost {
		n.lines = n.lines[1:]
	}
	return len(p), nil
}

func (n *laterNotes) print(w io.Writer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, line := range n.lines {
		_, _ = w.Write(line)
	}
}
