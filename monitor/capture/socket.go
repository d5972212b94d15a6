//go:build linux

package capture

import (
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// sockets are a queue for each member: the buffer of its netlink socket.
//
// When a buffer overruns, the kernel marks the socket congested and drops everything until the
// queue is empty. It returns ENOBUFS once, before the messages that were queued earlier. So the
// gap is where the queue runs empty, and there natlens reads the exact number of drops:
//
//	recvmmsg ─▶ ENOBUFS ─▶ recvmmsg … (older messages) ─▶ EAGAIN ─▶ SO_MEMINFO ─▶ KindLost
type sockets struct {
	shared
	mm *mmsgReader
}

// socketCost is how many bytes of a socket's buffer a message takes: the kernel's smallest
// packet buffer with its management data (skb->truesize).
const socketCost = 1280

// otherBuffer limits the socket buffer of each namespace except the caller's own, because there
// may be hundreds.
const otherBuffer = 2 << 20

func (s *sockets) close() {}

// open lets the kernel apply cfg.Push. If the kernel cannot, the reader applies it, with the
// same events as result.
func (s *sockets) open(m *member) (*netlink.Conn, error) {
	size := s.cfg.Buffer
	if !m.own {
		size = min(size, otherBuffer)
	}
	return m.dial(func(conn *netlink.Conn) error {
		if s.cfg.Push != nil {
			if err := m.load(conn, nil, s.cfg.Push); err != nil {
				m.unpushed, m.here = ringError(err), filter.Compile(s.cfg.Push, filter.Env{})
			}
		}
		err := conn.SetReadBuffer(size)
		if err == nil {
			m.size, err = conn.ReadBuffer()
		}
		return err
	})
}

func (s *sockets) awaited() uint32 { return unix.EPOLLIN }

// The difference wraps like the kernel's counter.
func (s *sockets) unreported(m *member) uint64 {
	drops, err := socketDrops(m.fd)
	if err != nil {
		return 0
	}
	return uint64(drops - uint32(m.reported))
}

// read reads each ready socket once, until the batch is full.
func (s *sockets) read(b *monitor.Batch) (found reading, err error) {
	s.mm.reset()
	ready, err := s.wait.ready()
	if err != nil {
		return found, err
	}
	for _, id := range ready {
		m := s.members[monitor.NetNS(id)]
		if m == nil {
			continue
		}
		n, err := s.drain(m, b, false)
		if err != nil {
			return found, err
		}
		found.events += n
		found.fill = max(found.fill, float64(n*socketCost)/float64(m.size))
	}
	found.dry = s.room(b) && len(ready) < cap(ready) // there may be more
	return found, nil
}

func (s *sockets) room(b *monitor.Batch) bool {
	return s.mm.room() && len(b.Events) < monitor.BatchSize
}

func (s *sockets) finish(m *member, b *monitor.Batch) (done bool, err error) {
	_, err = s.drain(m, b, true)
	return err == nil && s.room(b), err
}

// drain reads one socket until its queue is empty or the batch is full, and returns the number
// of messages.
//
// A call that returns fewer messages than it has buffers has found an empty queue or an
// overrun; the kernel returns the error of an overrun by the next call. So drain makes one more
// call. Further calls would return only two or three messages each while a fast sender goes on.
// If all is true, and after an overrun, drain reads until the kernel reports that the queue is
// empty.
func (s *sockets) drain(m *member, b *monitor.Batch, all bool) (n int, err error) {
	for short := 0; s.room(b); {
		got, more, errno := s.mm.recv(m.fd)
		switch errno {
		case 0:
			s.take(got, m, b)
			n += got
			if !more {
				short++
			}
			if short == 2 && !m.overrun && !all {
				return n, nil
			}
		case unix.ENOBUFS:
			if !m.overrun {
				m.overrun, m.before = true, s.out.last
			}
		case unix.EINTR:
		case unix.EAGAIN:
			if m.overrun {
				s.reportLoss(m, b)
			}
			return n, nil
		default:
			return n, fmt.Errorf("recvmmsg: %w", errno)
		}
	}
	return n, nil
}

// take decodes the n messages of the last recv.
func (s *sockets) take(n int, m *member, b *monitor.Batch) {
	now := monitor.Now()
	for i := range n {
		msg, sender, whole := s.mm.message(i)
		switch {
		case sender != 0:
			// Any process with CAP_NET_ADMIN in the namespace can send to the groups;
			// only the kernel's port id is 0.
			s.out.stats.Forged++
			continue
		case !whole:
			s.out.stats.Malformed++
			continue
		}
		e := s.out.decode(msg, now, monitor.TimeReceived, m.id, b)
		if e != nil && m.here != nil && !m.here(e) {
			b.Drop()
			s.out.stats.Received--
			m.left++
		}
	}
}

// reportLoss appends the loss that an ENOBUFS announced, now that the queue is empty. An
// ENOBUFS without drops is a failed allocation in the kernel: at least one event is lost, and
// the kernel has no count.
func (s *sockets) reportLoss(m *member, b *monitor.Batch) {
	m.overrun = false
	// The gap begins after the messages that were queued at the ENOBUFS. It is not known which
	// of the events read since then came later.
	gap := monitor.Gap{From: m.before, To: max(s.out.last, monitor.Now())}
	gap.Count = s.unreported(m)
	m.reported += gap.Count
	gap.Uncertain = gap.Count == 0
	s.out.lose(b.Add(), m.id, monitor.TimeReceived, gap)
}
