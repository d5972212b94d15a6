//go:build linux

package lab

import (
	"context"
	"testing"
)

// TestRunCountsFailures expects a flow that the end of the context ended not to count.
func TestRunCountsFailures(t *testing.T) {
	t.Parallel()
	var r runner
	r.count(t.Context(), nil)
	r.count(t.Context(), context.DeadlineExceeded)
	r.count(t.Context(), context.Canceled)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r.count(ended, context.Canceled)
	if got, want := r.result().Error(), "traffic: 2 of 4 flows failed, the first: context deadline exceeded"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
