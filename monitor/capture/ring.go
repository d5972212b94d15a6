//go:build linux

package capture

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// ringQueue is one queue for all members: a BPF ring buffer. A socket filter on each member's
// netlink socket copies messages there and lets none pass, so the sockets' own queues stay
// empty:
//
//	namespace 1 ─▶ netlink broadcast ─▶ program 1 ─┐
//	namespace 2 ─▶ netlink broadcast ─▶ program 2 ─┼─▶ ring ─▶ read
//	namespace 3 ─▶ netlink broadcast ─▶ program 3 ─┘
//
// Events are decoded in the ring, and Raw points into it. The next read returns that memory to
// the kernel.
//
// A socket filter cannot see who sent a message. A program with CAP_NET_ADMIN over the
// namespace can send messages to the groups in the kernel's form. The socket way rejects and
// counts them (Stats.Forged); the ring reports them as events. A message whose length is not
// that of its datagram, which the kernel never sends, counts as malformed.
//
// The program counts messages that do not fit into the ring, and each record contains the
// current count. A loss lies before the first record whose count is higher than that of the
// previous record. Losses after the last record are found when the ring runs empty. These
// counts are exact.
//
// If the kernel fails to allocate a message, it returns ENOBUFS on the socket: with a drop
// count if it could not copy an existing message (netlink_overrun), and without one if it could
// not make the message (netlink_set_err). The loss is then uncertain.
type ringQueue struct {
	shared
	bpf *ebpf.Map
	mem *ringMemory

	pos    uint64       // of the first unread record
	last   *member      // member of the previous record: usually also that of the next one
	offset monitor.Time // from a record's stamp to the wall clock
}

// openRing opens a ring of s.cfg.Ring bytes that no program fills yet. If only the ring cannot be
// used, the error is a [RingError]; sockets may work then.
func openRing(s shared) (queue, error) {
	if bits.UintSize != 64 {
		return nil, &RingError{Reason: "the ring needs a 64-bit machine"}
	}
	if page := os.Getpagesize(); s.cfg.Ring%page != 0 {
		return nil, &RingError{Reason: fmt.Sprintf("a ring of %d bytes is smaller than a page of %d", s.cfg.Ring, page)}
	}
	r := &ringQueue{shared: s}
	var err error
	if r.bpf, err = newRingMap(s.cfg.Ring); err != nil {
		return nil, ringError(err)
	}
	if r.mem, err = mapRing(r.bpf.FD(), s.cfg.Ring); err == nil {
		// close does not unmap, because the reader may still use a batch.
		runtime.AddCleanup(r, (*ringMemory).unmap, r.mem)
		err = s.wait.add(r.bpf.FD(), tagRing, unix.EPOLLIN)
	}
	if err != nil {
		r.bpf.Close()
		return nil, ringError(err)
	}
	return r, nil
}

func (r *ringQueue) close() { r.bpf.Close() }

// open attaches the program before the socket joins its first group, so that the program sees
// every message.
func (r *ringQueue) open(m *member) (*netlink.Conn, error) {
	return m.dial(func(conn *netlink.Conn) error {
		if err := m.load(conn, r.bpf, r.cfg.Push); err != nil {
			return ringError(err)
		}
		return nil
	})
}

func (r *ringQueue) awaited() uint32 { return 0 }

func (r *ringQueue) unreported(m *member) uint64 { return m.counters.load(counterDrops) - m.reported }

// read decodes records into the batch until it is full or the ring is empty.
func (r *ringQueue) read(b *monitor.Batch) (found reading, err error) {
	start := r.pos
	r.mem.consumed(start)
	end := r.mem.produced()
	if start != end {
		r.offset = wallOffset()
	}
	// A record may make two events, a loss and its own. At the end one more loss may follow.
	for len(b.Events) < monitor.BatchSize-2 {
		if r.pos == end {
			if end = r.mem.produced(); r.pos == end {
				found.dry = true
				break
			}
		}
		rec, next, ok := r.mem.record(r.pos)
		if !ok {
			found.dry = true // the record is still being written
			break
		}
		if rec != nil {
			r.take(rec, b)
		}
		r.pos = next
		found.events++
	}
	found.fill = float64(r.pos-start) / float64(r.cfg.Ring)
	if found.dry {
		err = r.lateLosses(b)
	}
	return found, err
}

// take decodes one record.
func (r *ringQueue) take(rec []byte, b *monitor.Batch) {
	id := monitor.NetNS(binary.NativeEndian.Uint32(rec[recordNetNS:]))
	if r.last == nil || id != r.last.id {
		r.last = r.members[id]
	}
	m := r.last
	if m == nil {
		r.out.stats.Malformed++
		return
	}
	msg := rec[recordMessage:]
	at := monitor.Time(binary.NativeEndian.Uint64(rec[recordStamp:])) + r.offset
	lost := m.lostBefore(binary.NativeEndian.Uint32(rec[recordDrops:]))
	if lost == 0 {
		r.out.decode(msg, at, monitor.TimeRing, id, b)
		return
	}
	gap := monitor.Gap{Count: lost, From: r.out.last, To: at}
	n := len(b.Events)
	b.Add()
	if e := r.out.decode(msg, at, monitor.TimeRing, id, b); e != nil {
		gap.To = e.Time
	}
	r.out.lose(&b.Events[n], id, monitor.TimeRing, gap)
}

// lostBefore returns how many events were lost before a record with the given drop count. A
// record may have a lower count than the previous one if two CPUs wrote them at the same time.
func (m *member) lostBefore(drops uint32) uint64 {
	n := uint64(max(int32(drops-uint32(m.reported)), 0))
	m.reported += n
	return n
}

// lateLosses appends the losses since the last record. The ring is empty.
func (r *ringQueue) lateLosses(b *monitor.Batch) error {
	ready, err := r.wait.ready()
	if err != nil {
		return err
	}
	for _, tag := range ready {
		if m := r.members[monitor.NetNS(tag)]; tag >= 0 && m != nil {
			m.socketErrors()
		}
	}
	for _, m := range r.members {
		if len(b.Events) == monitor.BatchSize {
			break // at the next call
		}
		r.lateLoss(m, b)
	}
	return nil
}

// lateLoss reads the counter first and checks the ring after it. If the ring is still empty, no
// record was written before the last of these drops, so they precede all later records.
// Otherwise the next record reports them. An ended namespace sends no records.
func (r *ringQueue) lateLoss(m *member, b *monitor.Batch) {
	gap := m.pending
	if n := r.unreported(m); n > 0 && (m.gone || r.mem.produced() == r.pos) {
		m.reported += n
		gap.Count += n
	}
	if gap == (monitor.Gap{}) {
		return
	}
	m.pending = monitor.Gap{}
	gap.From, gap.To = r.out.last, monitor.Now()
	r.out.lose(b.Add(), m.id, monitor.TimeRing, gap)
}

// socketErrors reads the errors of the socket, which has no messages.
func (m *member) socketErrors() {
	for {
		// Reading clears the error, and ends the congestion during which the kernel reports
		// no other error.
		switch _, _, err := unix.Recvfrom(m.fd, nil, unix.MSG_DONTWAIT); err {
		case unix.ENOBUFS:
			m.countOverrun()
		case nil, unix.EINTR:
		default:
			return
		}
	}
}

func (m *member) countOverrun() {
	n := uint64(0)
	if drops, err := socketDrops(m.fd); err == nil {
		n = uint64(drops - m.dropped) // wraps like the kernel's counter
		m.dropped = drops
	}
	m.pending.Count += n
	m.pending.Uncertain = m.pending.Uncertain || n == 0
}

// finish closes the socket of an ended member. The ring then contains its last record.
func (r *ringQueue) finish(m *member, b *monitor.Batch) (done bool, err error) {
	if !m.gone {
		m.closeSocket()
		m.gone, m.until = true, r.mem.produced()
	}
	if r.pos < m.until {
		return false, nil
	}
	r.lateLoss(m, b)
	if r.last == m {
		r.last = nil
	}
	return true, nil
}
