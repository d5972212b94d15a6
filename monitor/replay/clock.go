package replay

import (
	"context"
	"time"
)

// Clock is the time that a [Player] plays by.
type Clock interface {
	Now() time.Time

	// Wait returns when d has passed, when something comes from wake, or when
	// ctx ends.
	Wait(ctx context.Context, d time.Duration, wake <-chan struct{})
}

// wallClock is the clock on the wall.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
}
