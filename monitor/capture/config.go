//go:build linux

package capture

import (
	"context"
	"errors"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// Way is how events are captured.
type Way uint8

// The ways. Auto takes the ring where it can be had.
const (
	Auto Way = iota
	Ring
	Socket
)

// String returns the word of the --capture flag.
func (w Way) String() string {
	switch w {
	case Ring:
		return "ring"
	case Socket:
		return "socket"
	}
	return "auto"
}

// Kinds is a set of the kernel's event kinds. The zero value means all.
type Kinds struct{ New, Update, Destroy bool }

// Config says what to capture and how. The zero value captures every event of
// the caller's network namespace.
type Config struct {
	Way    Way
	NetNS  int   // file descriptor of a network namespace; 0: the caller's
	Kinds  Kinds // groups to join; the zero value joins all three
	Buffer int   // bytes of socket buffer to ask for; 0: DefaultBuffer
	Ring   int   // bytes of BPF ring, a power of two; 0: DefaultRing

	// Coalesce is how long to wait after the first readable signal of a quiet
	// time, so that one wake-up serves many events; 0: DefaultCoalesce,
	// negative: not at all. Under load the wait may grow to MaxCoalesce.
	Coalesce time.Duration

	// Push is a filter to apply before events are queued: what [ExplainPush] says
	// may run in the kernel. Of flows that it does not want nothing is told. A
	// message of another make than the kernel's is passed, so that the whole filter
	// is to be applied to what comes. Nil: every event.
	Push filter.Expr

	// Dump opens the table of a network namespace, for the capture's method of that
	// name: kernel.Dump. Nil: the capture has no table.
	Dump func(ctx context.Context, netns int) (monitor.Source, error)
}

// errNoDump is what a capture without Config.Dump returns.
func errNoDump(context.Context, int) (monitor.Source, error) {
	return nil, errors.New("the capture was opened without a table")
}

// The defaults of Config.
const (
	DefaultBuffer   = 16 << 20
	DefaultRing     = 32 << 20
	DefaultCoalesce = time.Millisecond
	MaxCoalesce     = 5 * time.Millisecond
)

// Stats are a capture's own counters since it was opened.
type Stats struct {
	Received  uint64 // messages decoded
	Lost      uint64 // events that the kernel dropped for want of room
	Gaps      uint64 // how often it did
	Malformed uint64 // messages that could not be decoded
	Unknown   uint64 // attributes and children skipped
	Forged    uint64 // messages of other senders than the kernel, refused; what Config.Push left out is not among them
	Wakeups   uint64 // times the reader was woken
	LeftOut   uint64 // events that Config.Push did not want; by socket those alone that the reader left out ([WhyNotPushed])
	Capacity  int    // bytes of queue that the kernel really granted
}

// Capture is a live source with its counters.
type Capture interface {
	monitor.Live
	Way() Way
	Stats() Stats
}
