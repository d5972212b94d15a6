//go:build linux

package capture

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// sockets are a queue for each member: the buffer of its netlink socket.
//
// When a buffer overruns, the kernel marks the socket congested and drops everything
// until the queue is empty, and returns ENOBUFS once, before the messages that were
// queued earlier. So the gap is where the queue runs empty, and there the exact number
// of drops is read:
//
//	recvmmsg ─▶ ENOBUFS ─▶ recvmmsg … (older messages) ─▶ EAGAIN ─▶ SO_MEMINFO ─▶ KindLost
type sockets struct {
	cfg  Config
	out  *events
	wait *waiter
	mm   *mmsgReader
	byFD map[int32]*socketFeed

	unpushed atomic.Pointer[error] // why the kernel does not apply cfg.Push to a socket
}

// socketFeed is one socket and what is known of its losses.
type socketFeed struct {
	id      monitor.NetNS
	fd      int
	size    int           // of its buffer
	overrun bool          // ENOBUFS came, its gap is not reported yet
	before  monitor.Time  // the last event before that
	drops   atomic.Uint32 // SO_MEMINFO's drops at the last report

	here monitor.Filter // cfg.Push, if the kernel does not apply it; else nil
	left atomic.Uint64  // events that here did not want
}

func (f *socketFeed) leftOut() uint64 { return f.left.Load() }
func (f *socketFeed) capacity() int   { return f.size }
func (f *socketFeed) close()          { unix.Close(f.fd) }

func (f *socketFeed) unreported() uint64 {
	reported := f.drops.Load()
	drops, err := socketDrops(f.fd)
	if err != nil {
		return 0
	}
	return uint64(drops - reported)
}

// A message takes this much of a socket's buffer: the smallest packet buffer of the
// kernel with its management (skb->truesize).
const socketCost = 1280

// otherBuffer bounds the socket buffer of each namespace but the caller's own, of
// which there may be hundreds.
const otherBuffer = 2 << 20

func openSockets(cfg Config, out *events, w *waiter, _ *atomic.Bool) (queue, error) {
	return &sockets{cfg: cfg, out: out, wait: w, mm: newMmsgReader(), byFD: map[int32]*socketFeed{}}, nil
}

func (s *sockets) way() Way      { return Socket }
func (s *sockets) capacity() int { return 0 }
func (s *sockets) close()        {}

func (s *sockets) open(m *member) (*netlink.Conn, feed, error) {
	size := s.cfg.Buffer
	if !m.own {
		size = min(size, otherBuffer)
	}
	f := &socketFeed{id: m.id}
	conn, fd, err := dial(m.ns, func(conn *netlink.Conn) (err error) {
		f.here = s.push(conn)
		if err = conn.SetReadBuffer(size); err == nil {
			f.size, err = conn.ReadBuffer()
		}
		return err
	})
	f.fd = fd
	return conn, f, err
}

// push has the kernel apply cfg.Push to a socket that has joined no group yet. If the
// kernel does not, it returns the filter for the reader: what comes is the same.
func (s *sockets) push(conn *netlink.Conn) (here monitor.Filter) {
	prog, err := classicFilter(s.cfg.Push)
	if err == nil && prog != nil {
		if err = conn.SetBPF(prog); errors.Is(err, unix.ENOMEM) {
			err = fmt.Errorf("net.core.optmem_max leaves no room for a program of %d instructions", len(prog))
		}
	}
	if err == nil {
		return nil
	}
	s.unpushed.Store(&err)
	return filter.Compile(s.cfg.Push, filter.Env{})
}

func (s *sockets) whyNotPushed() error {
	if err := s.unpushed.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *sockets) admit(m *member) error {
	f := m.feed.(*socketFeed)
	s.byFD[int32(f.fd)] = f
	return s.wait.add(f.fd, unix.EPOLLIN)
}

// read reads each socket that has something once, until the batch is full.
func (s *sockets) read(b *monitor.Batch) (found reading, err error) {
	s.mm.reset()
	ready, err := s.wait.ready()
	if err != nil {
		return found, err
	}
	for _, fd := range ready {
		f := s.byFD[fd]
		if f == nil {
			continue
		}
		n, err := s.drain(f, b, false)
		if err != nil {
			return found, err
		}
		found.events += n
		found.fill = max(found.fill, float64(n*socketCost)/float64(f.size))
	}
	found.dry = s.room(b) && len(ready) < cap(ready) // there may be more
	return found, nil
}

func (s *sockets) room(b *monitor.Batch) bool {
	return s.mm.room() && len(b.Events) < monitor.BatchSize
}

func (s *sockets) finish(m *member, b *monitor.Batch) (done bool, err error) {
	f := m.feed.(*socketFeed)
	if _, err := s.drain(f, b, true); err != nil || !s.room(b) {
		return false, err
	}
	delete(s.byFD, int32(f.fd))
	return true, nil
}

// drain reads one socket until its queue is empty or the batch is full, and returns
// how many messages there were.
//
// A call that returns fewer messages than it has buffers has met an empty queue, or an
// overrun: the kernel then returns the error by the next call. So it makes one more call.
// More would fetch two or three messages each, behind a sender that is as fast. With all,
// and after an overrun, it reads until the kernel reports that the queue is empty.
func (s *sockets) drain(f *socketFeed, b *monitor.Batch, all bool) (n int, err error) {
	for short := 0; s.room(b); {
		got, more, errno := s.mm.recv(f.fd)
		switch errno {
		case 0:
			s.take(got, f, b)
			n += got
			if !more {
				short++
			}
			if short == 2 && !f.overrun && !all {
				return n, nil
			}
		case unix.ENOBUFS:
			if !f.overrun {
				f.overrun, f.before = true, s.out.last
			}
		case unix.EINTR:
		case unix.EAGAIN:
			if f.overrun {
				s.reportLoss(f, b)
			}
			return n, nil
		default:
			return n, fmt.Errorf("recvmmsg: %w", errno)
		}
	}
	return n, nil
}

// take decodes the n messages that the last recv brought.
func (s *sockets) take(n int, f *socketFeed, b *monitor.Batch) {
	now := monitor.Now()
	for i := range n {
		msg, sender, whole := s.mm.message(i)
		switch {
		case sender != 0:
			// Any process with CAP_NET_ADMIN in the namespace can send to the groups;
			// only the kernel's port id is 0.
			s.out.stats.forged.Add(1)
			continue
		case !whole:
			s.out.dec.Malformed++
			continue
		}
		e := s.out.decode(msg, now, monitor.TimeReceived, f.id, b)
		if e != nil && f.here != nil && !f.here(e) {
			b.Drop()
			s.out.received--
			f.left.Add(1)
		}
	}
}

// reportLoss appends the loss that an ENOBUFS announced, now that the queue is empty.
// An ENOBUFS without drops is a failed allocation in the kernel: it lost one event at
// least and keeps no count.
func (s *sockets) reportLoss(f *socketFeed, b *monitor.Batch) {
	f.overrun = false
	// It began behind what the queue held at the ENOBUFS. Which of the events that
	// were read since came only after it is not known.
	gap := monitor.Gap{From: f.before, To: max(s.out.last, monitor.Now())}
	if drops, err := socketDrops(f.fd); err == nil {
		gap.Count = uint64(drops - f.drops.Swap(drops)) // wraps as the kernel's counter does
	}
	gap.Uncertain = gap.Count == 0
	s.out.lose(b.Add(), f.id, monitor.TimeReceived, gap)
}
