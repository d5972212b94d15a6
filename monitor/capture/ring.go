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

// ring is one queue for all members: a BPF ring buffer. A socket filter on each
// member's netlink socket copies messages there and lets none pass, so that the
// sockets' own queues stay empty:
//
//	namespace 1 ─▶ netlink broadcast ─▶ program 1 ─┐
//	namespace 2 ─▶ netlink broadcast ─▶ program 2 ─┼─▶ ring ─▶ read
//	namespace 3 ─▶ netlink broadcast ─▶ program 3 ─┘
//
// Events are decoded where they are. read gives the memory of a batch back to the
// kernel when it is called again, which is when the batch's Raw bytes end.
//
// A socket filter cannot see who sent a message. A program with CAP_NET_ADMIN over the
// namespace can send messages to the groups in the kernel's form: the socket way rejects
// and counts them (Stats.Forged), here they are events. A message
// whose length is not that of its datagram, which the kernel never sends, counts as
// malformed.
//
// The program counts messages that do not fit into the ring, and each record has the
// count of its time: the loss is in front of the first record with a higher count than
// its predecessor. What was lost after the last
// record is seen when the ring runs empty. That count is exact.
//
// If the kernel fails to make a message at all, for want of memory, it returns ENOBUFS
// on the socket: with a count of drops if it could not copy a message that existed
// (netlink_overrun), without if there never was one (netlink_set_err); then the loss is
// uncertain.
type ring struct {
	cfg  Config
	out  *events
	wait *waiter
	bpf  *ebpf.Map
	mem  *ringMemory

	pos    uint64 // of the first record that was not read yet
	byID   map[monitor.NetNS]*member
	last   *member      // of the record before: most often that of the next one
	shift  monitor.Time // of bootShift
	offset monitor.Time // from a record's stamp to the time of day
}

// openRing opens a ring of cfg.Ring bytes that nothing fills yet. An error is a
// [RingError] if it is about the ring alone, so that sockets may do.
func openRing(cfg Config, out *events, w *waiter) (queue, error) {
	if bits.UintSize != 64 {
		return nil, &RingError{Reason: "the ring needs a 64-bit machine"}
	}
	if page := os.Getpagesize(); cfg.Ring%page != 0 {
		return nil, &RingError{Reason: fmt.Sprintf("a ring of %d bytes is smaller than a page of %d", cfg.Ring, page)}
	}
	r := &ring{cfg: cfg, out: out, wait: w, byID: map[monitor.NetNS]*member{}, shift: bootShift()}
	var err error
	if r.bpf, err = newRingMap(cfg.Ring); err != nil {
		return nil, ringError(err)
	}
	if r.mem, err = mapRing(r.bpf.FD(), cfg.Ring); err == nil {
		// close does not unmap: the reader may still use a batch.
		runtime.AddCleanup(r, (*ringMemory).unmap, r.mem)
		err = w.add(r.bpf.FD(), unix.EPOLLIN)
	}
	if err != nil {
		r.bpf.Close()
		return nil, ringError(err)
	}
	return r, nil
}

func (r *ring) close() { r.bpf.Close() }

// open attaches the program before the first group is joined, so that no message gets
// past it.
func (r *ring) open(m *member) (*netlink.Conn, error) {
	return m.dial(func(conn *netlink.Conn) error {
		prog, err := newProgram(r.bpf, r.cfg.Push, m.id)
		if err = m.load(conn, prog, err); err != nil {
			return ringError(err)
		}
		return nil
	})
}

func (r *ring) admit(m *member) error {
	if err := r.wait.add(m.fd, 0); err != nil { // its errors
		return err
	}
	r.byID[m.id] = m
	return nil
}

func (r *ring) unreported(m *member) uint64 { return m.counters.load(counterDrops) - m.reported }

// read decodes records into the batch until it is full or the ring is empty.
func (r *ring) read(b *monitor.Batch) (found reading, err error) {
	start := r.pos
	r.mem.consumed(start)
	end := r.mem.produced()
	if start != end {
		r.offset = wallOffset() + r.shift
	}
	// A record may make two events, a loss and its own, and the end one loss more.
	for len(b.Events) < monitor.BatchSize-2 {
		if r.pos == end {
			if end = r.mem.produced(); r.pos == end {
				found.dry = true
				break
			}
		}
		rec, next, ok := r.mem.record(r.pos)
		if !ok {
			found.dry = true // its writer is still busy
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
func (r *ring) take(rec []byte, b *monitor.Batch) {
	id := monitor.NetNS(binary.NativeEndian.Uint32(rec[recordNetNS:]))
	if r.last == nil || id != r.last.id {
		r.last = r.byID[id]
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

// lostBefore returns how many events were lost before a record with the given count of
// drops. A record may have a lower count than its predecessor: two CPUs wrote them at
// the same time.
func (m *member) lostBefore(drops uint32) uint64 {
	n := uint64(max(int32(drops-uint32(m.reported)), 0))
	m.reported += n
	return n
}

// lateLosses appends what was lost since the last record, now that the ring is empty.
func (r *ring) lateLosses(b *monitor.Batch) error {
	ready, err := r.wait.ready()
	if err != nil {
		return err
	}
	for _, fd := range ready {
		if int(fd) != r.bpf.FD() {
			r.socketErrors(int(fd))
		}
	}
	for _, m := range r.byID {
		if len(b.Events) == monitor.BatchSize {
			break // the next time, then
		}
		r.lateLoss(m, b)
	}
	return nil
}

// lateLoss reads the counter first and checks the ring after it: if that is still empty,
// no record was written before the last of these drops, and they are in front of all that
// comes. Otherwise the next record has them. A namespace that is gone sends no records.
func (r *ring) lateLoss(m *member, b *monitor.Batch) {
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

// socketErrors reads the errors of a socket, which has nothing else to read.
func (r *ring) socketErrors(fd int) {
	for _, m := range r.byID {
		if m.fd != fd {
			continue
		}
		for {
			// Reading takes the error, and ends the state of congestion in which the
			// kernel would not raise another.
			switch _, _, err := unix.Recvfrom(fd, nil, unix.MSG_DONTWAIT); err {
			case unix.ENOBUFS:
				m.countOverrun()
			case nil, unix.EINTR:
			default:
				return
			}
		}
	}
}

func (m *member) countOverrun() {
	n := uint64(0)
	if drops, err := socketDrops(m.fd); err == nil {
		n = uint64(drops - m.dropped) // wraps as the kernel's counter does
		m.dropped = drops
	}
	m.pending.Count += n
	m.pending.Uncertain = m.pending.Uncertain || n == 0
}

// finish closes the socket of a member that is gone: what is in the ring by then is
// its last.
func (r *ring) finish(m *member, b *monitor.Batch) (done bool, err error) {
	if !m.gone {
		m.closeSocket()
		m.gone, m.until = true, r.mem.produced()
	}
	if r.pos < m.until {
		return false, nil
	}
	r.lateLoss(m, b)
	delete(r.byID, m.id)
	if r.last == m {
		r.last = nil
	}
	return true, nil
}
