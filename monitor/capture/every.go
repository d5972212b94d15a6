//go:build linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mdlayher/netlink"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// EveryConfig says what to capture of all network namespaces of the host, and who
// hears of them.
type EveryConfig struct {
	Config // NetNS is not used; Ring is shared; Buffer is for each socket, 2 MiB at the most but for the caller's own namespace

	// Names gives each namespace its number, which its events bear.
	Names *monitor.Namespaces

	// Locals is called with the addresses of a namespace before the first event
	// of it can be read and after each change, from one goroutine at a time; nil:
	// nobody wants them.
	Locals func(monitor.NetNS, *monitor.Locals)

	// Refused is called once for each namespace that can't be captured, with its
	// name, as Locals is; nil: nobody wants to know. Of the caller's own OpenEvery
	// returns the error.
	Refused func(name string, err error)

	// Wanted chooses among the namespaces; nil: all.
	Wanted func(netns.Found) bool
}

// Every is a capture of all network namespaces of the host, as they come and go:
// one stream of the events of all.
//
// The events of one namespace stand in the order in which they happened. With the
// ring so do those of all namespaces among each other, as they share one queue; by
// sockets they stand in the order in which the sockets were read.
//
// A namespace that is found while the capture is under way is announced by an
// event of KindNetNSBegin, which stands before its own. It is found by its mount
// at once, by a process in it within the interval of scans ([scanEvery], or 20
// times what a scan takes). What happened in it before that is not told, but for
// what [Every.DumpOf] finds then: flows that began before a listener was there
// send no events (nf_conntrack_events=2).
//
// A namespace ends here when it is mounted nowhere and no process is in it: then
// it is let go, its last events are told and an event of KindNetNSEnd. The capture
// itself keeps it alive until then, which delays its end by two scans at the most.
// What else may keep it alive, an open file or a socket of another program, can't
// be seen.
type Every struct {
	gatherer
	cfg      Config
	roster   *roster
	follower *follower
	notRing  *RingError
}

// gatherer is a capture into which namespaces are taken while it runs: by ring or
// by sockets.
type gatherer interface {
	Capture
	enrol(*roster)
	interrupt()

	// prepare opens the socket for a member's events, of no group yet.
	prepare(*member) (*netlink.Conn, error)
	// failed is told that a member's socket has an error.
	failed(*member)
}

// OpenEvery starts to capture all network namespaces: from its return on no event
// of those that are there is missed untold. It takes the ring or sockets as Open
// does. An error means that not even the caller's own namespace can be captured.
func OpenEvery(cfg EveryConfig) (*Every, error) {
	if err := cfg.Config.complete(); err != nil {
		return nil, err
	}
	if cfg.Names == nil {
		cfg.Names = new(monitor.Namespaces)
	}
	e := &Every{cfg: cfg.Config}
	var err error
	if e.gatherer, err = e.open(cfg.Config); err != nil {
		return nil, err
	}
	e.roster = newRoster(cfg.Names, e.interrupt)
	e.enrol(e.roster)
	if e.follower, err = newFollower(cfg, e.roster, e.gatherer); err == nil {
		err = e.follower.begin()
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// open chooses the way.
func (e *Every) open(cfg Config) (gatherer, error) {
	if cfg.Way == Socket {
		return openSocketEvery(cfg)
	}
	ring, err := openRingEvery(cfg)
	if err == nil {
		return ring, nil
	}
	if cfg.Way == Ring || !errors.As(err, &e.notRing) {
		return nil, fmt.Errorf("capture by ring: %w", err)
	}
	return openSocketEvery(cfg)
}

// Close ends the capture and unblocks Next.
func (e *Every) Close() error {
	if e.follower != nil {
		e.follower.close()
	}
	err := e.gatherer.Close()
	e.roster.closeAll()
	return err
}

// Stats returns the counters. By sockets the capacity is that of all namespaces'
// sockets together.
func (e *Every) Stats() Stats {
	s := e.gatherer.Stats()
	if e.Way() == Socket {
		s.Capacity = e.roster.buffers()
	}
	return s
}

// Unseen returns how many processes could not be looked into at the start: the
// namespaces that only they live in are not captured.
func (e *Every) Unseen() int { return e.follower.unseen }

// IDs returns the numbers of the namespaces that are captured now, in no order.
func (e *Every) IDs() []monitor.NetNS { return e.roster.ids() }

// With calls f with the descriptor of a captured namespace, which is open until f
// returns. ok is false if the namespace is gone.
func (e *Every) With(id monitor.NetNS, f func(netns int) error) (ok bool, err error) {
	return e.roster.with(id, f)
}

// Dump opens the tables of all namespaces, one after the other.
func (e *Every) Dump(ctx context.Context) (monitor.Source, error) {
	return e.DumpOf(ctx, e.roster.ids())
}

// DumpOf opens the tables of some namespaces, one after the other. Those that are
// gone by then are passed over.
func (e *Every) DumpOf(ctx context.Context, ids []monitor.NetNS) (monitor.Source, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &dumpEvery{every: e, left: ids}, nil
}

// dumpEvery reads dumps one after the other.
type dumpEvery struct {
	every *Every
	left  []monitor.NetNS
	id    monitor.NetNS
	dump  monitor.Source // of id; nil: the next is to be opened
}

// Next reads one part of an answer.
func (d *dumpEvery) Next(ctx context.Context, b *monitor.Batch) error {
	for {
		if d.dump == nil {
			if len(d.left) == 0 {
				return io.EOF
			}
			if err := d.open(ctx); err != nil {
				return err
			}
			continue
		}
		first := len(b.Events)
		err := d.dump.Next(ctx, b)
		for i := range b.Events[first:] {
			b.Events[first+i].SetNetNS(d.id)
		}
		if errors.Is(err, io.EOF) {
			d.dump.Close()
			d.dump, err = nil, nil
		}
		if err != nil {
			return fmt.Errorf("network namespace %s: %w", d.every.roster.names.Name(d.id), err)
		}
		if len(b.Events) > first {
			return nil
		}
	}
}

func (d *dumpEvery) open(ctx context.Context) error {
	d.id, d.left = d.left[0], d.left[1:]
	_, err := d.every.With(d.id, func(netns int) (err error) {
		d.dump, err = d.every.cfg.Dump(ctx, netns)
		return err
	})
	return err
}

// Close ends the dump, read to its end or not.
func (d *dumpEvery) Close() error {
	d.left = nil
	if d.dump == nil {
		return nil
	}
	return d.dump.Close()
}
