//go:build linux

package capture

import (
	"context"
	"fmt"
	"math/bits"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/netns"
)

// Way is how events are captured.
type Way uint8

// The ways. Auto uses the ring if possible.
const (
	Auto Way = iota
	Ring
	Socket
)

// String returns the word of the --capture flag.
func (w Way) String() string { return [...]string{Auto: "auto", Ring: "ring", Socket: "socket"}[w] }

// Config says what to capture and how. The zero value captures every event of
// the caller's network namespace.
type Config struct {
	Way    Way
	NetNS  int            // file descriptor of a network namespace; 0: the caller's
	Kinds  filter.KindSet // the kernel's kinds to capture; 0: all three
	Buffer int            // requested size of the socket buffer in bytes; 0: DefaultBuffer
	Ring   int            // bytes of BPF ring, a power of two; 0: DefaultRing

	// Push is a filter that the kernel applies before it queues events: Kernel of
	// [ExplainPush]. The kernel does not check messages of an unknown layout, so the caller
	// must apply the whole filter again. Nil: every event.
	Push filter.Expr

	// Dump opens the table of a network namespace for the method Dump, such as kernel.Dump.
	// Nil: the method returns an error.
	Dump func(ctx context.Context, netns int) (monitor.Source, error)

	// All, if not nil, captures all network namespaces instead of NetNS.
	All *All
}

// All is a capture of all network namespaces. They share one ring. With sockets each has its
// own buffer, of at most 2 MiB except for the caller's own namespace.
type All struct {
	// Names assigns each namespace the number that its events have; nil: the capture's own.
	Names *monitor.Namespaces

	// Locals is called with the addresses of a namespace before its first event can be read,
	// and after each change. Calls for one namespace are never concurrent. It may be nil.
	Locals func(monitor.NetNS, *monitor.Locals)

	// Refused is called once for each namespace that can't be captured. It is not
	// called for the caller's own: Open returns that error. It may be nil.
	Refused func(name string, err error)

	// Wanted selects namespaces; nil: all.
	Wanted func(netns.Found) bool
}

// The defaults of Config.
const (
	DefaultBuffer = 16 << 20
	DefaultRing   = 32 << 20
)

// complete sets the defaults.
func (cfg *Config) complete() error {
	if cfg.Buffer == 0 {
		cfg.Buffer = DefaultBuffer
	}
	if cfg.Ring == 0 {
		cfg.Ring = DefaultRing
	}
	if cfg.Ring < 4096 || bits.OnesCount(uint(cfg.Ring)) != 1 {
		return fmt.Errorf("ring of %d bytes: must be a power of two and at least 4096", cfg.Ring)
	}
	return nil
}

// Stats are a capture's own counters since it was opened.
type Stats struct {
	Received  uint64 // messages decoded
	Lost      uint64 // events that the kernel dropped because the queue was full
	Gaps      uint64 // how often the kernel dropped events
	Malformed uint64 // messages that could not be decoded
	Unknown   uint64 // attributes and children skipped
	Forged    uint64 // messages that another process sent, rejected; without those that Push left out
	Wakeups   uint64 // times the reader woke up
	LeftOut   uint64 // events that Push left out; by socket only if the reader does it ([Capture.WhyNotPushed])
	Capacity  int    // bytes of queue that the kernel granted, in all sockets together
}
