//go:build linux

package capture

import (
	"context"
	"testing"
)

// An interrupt ends the next wait, also if the reader has asked for what is ready in
// between.
func TestInterruptIsKept(t *testing.T) {
	w, err := newWaiter()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	ctx, cancel := context.WithCancel(t.Context())
	if err := w.watch(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	for !w.ended { // the context interrupts from another goroutine
		if ready, err := w.ready(); err != nil || len(ready) > 0 {
			t.Fatal(ready, err)
		}
	}
	if err := w.wait(); err != nil {
		t.Fatal(err)
	}
	if w.ended {
		t.Error("one interrupt ends more than one wait")
	}
}
