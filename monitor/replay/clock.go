package replay

import (
	"context"
	"time"
)

// Clock is the time that a [Player] plays by.
type Clock interface {
	Now() time.Time

	// Wait returns after d, after a value from wake, or when ctx ends.
	Wait(ctx context.Context, d time.Duration, wake <-chan struct{})
}

// wallClock is the clock of the system.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-wake:
	case <-time.After(d):
	}
}
