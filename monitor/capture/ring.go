//go:build linux

package capture

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"slices"
	"sync/atomic"

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
type ring struct {
	cfg  Config
	out  *events
	wait *waiter
	bpf  *ebpf.Map
	mem  *ringMemory
	wall *wallClock
	news *atomic.Bool // a member came that is not admitted yet

	pos     uint64 // of the first record that was not read yet
	taps    []*tap
	byID    map[monitor.NetNS]*tap
	last    *tap // of the record before: most often that of the next one
	nothing tap  // has no counters, and no namespace's number
}

// tap is what fills the ring from one namespace, and what is known of its losses.
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
type tap struct {
	id       monitor.NetNS
	fd       int
	counters ringCounters
	drops    atomic.Uint64 // of the program's counter, that were reported
	dropped  uint32        // of the socket, when it was last read
	pending  monitor.Gap
	gone     bool   // its socket is closed
	until    uint64 // then: where its last record ends
}

func (t *tap) leftOut() uint64 { return t.counters.load(counterLeft) }
func (t *tap) capacity() int   { return 0 }

func (t *tap) unreported() uint64 {
	reported := t.drops.Load() // first: it never overtakes the counter
	return t.counters.load(counterDrops) - reported
}

func (t *tap) close() {
	t.hush()
	t.counters.unmap()
}

// hush closes the socket, so that nothing fills the ring any more.
func (t *tap) hush() {
	if t.fd >= 0 {
		unix.Close(t.fd)
		t.fd = -1
	}
}

// openRing opens a ring of cfg.Ring bytes that nothing fills yet. An error is a
// [RingError] if it is about the ring alone, so that sockets may do.
func openRing(cfg Config, out *events, w *waiter, news *atomic.Bool) (queue, error) {
	if bits.UintSize != 64 {
		return nil, &RingError{Reason: "the ring needs a 64-bit machine"}
	}
	if page := os.Getpagesize(); cfg.Ring%page != 0 {
		return nil, &RingError{Reason: fmt.Sprintf("a ring of %d bytes is smaller than a page of %d", cfg.Ring, page)}
	}
	shift := bootShift()
	r := &ring{
		cfg: cfg, out: out, wait: w, news: news, byID: map[monitor.NetNS]*tap{},
		wall: newWallClock(func() (int64, int64) { return bootAndWall(shift) }),
	}
	r.last = &r.nothing
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

func (r *ring) way() Way      { return Ring }
func (r *ring) capacity() int { return r.cfg.Ring }
func (r *ring) close()        { r.bpf.Close() }

// open attaches the program before the first group is joined, so that no message gets
// past it.
func (r *ring) open(m *member) (_ *netlink.Conn, _ feed, err error) {
	prog, err := newRingProgram(r.bpf, r.cfg.Push, m.id)
	if err != nil {
		return nil, nil, ringError(err)
	}
	defer prog.close() // attached and mapped, it lives without us
	t := &tap{id: m.id, fd: -1}
	if t.counters, err = mapCounters(prog.counters.FD()); err != nil {
		return nil, nil, err
	}
	conn, fd, err := dial(m.ns, func(conn *netlink.Conn) error {
		err := control(conn, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, prog.prog.FD())
		})
		if err != nil {
			return ringError(fmt.Errorf("attach program: %w", err))
		}
		return nil
	})
	if err != nil {
		t.close()
		return nil, nil, err
	}
	t.fd = fd
	return conn, t, nil
}

func (r *ring) admit(m *member) error {
	t := m.feed.(*tap)
	r.taps = append(r.taps, t)
	r.byID[t.id] = t
	return r.wait.add(t.fd, 0) // its errors
}

// read decodes records into the batch until it is full or the ring is empty.
func (r *ring) read(b *monitor.Batch) (found reading, err error) {
	start := r.pos
	r.mem.consumed(start)
	end := r.mem.produced()
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
		if rec != nil && !r.take(rec, b) {
			break
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

// take decodes one record. It returns false if the record belongs to a member that is to
// be admitted first.
func (r *ring) take(rec []byte, b *monitor.Batch) bool {
	stamp := binary.NativeEndian.Uint64(rec[recordStamp:])
	drops := binary.NativeEndian.Uint32(rec[recordDrops:])
	id := monitor.NetNS(binary.NativeEndian.Uint32(rec[recordNetNS:]))
	if id != r.last.id || r.last == &r.nothing {
		t := r.byID[id]
		if t == nil {
			if r.news.Load() {
				return false
			}
			r.out.refused++
			return true
		}
		r.last = t
	}
	at := r.wall.at(stamp)
	lost := r.last.lostBefore(drops)
	if lost == 0 {
		r.decode(rec[recordMessage:], at, b)
		return true
	}
	gap := monitor.Gap{Count: lost, From: r.out.last, To: at}
	n := len(b.Events)
	b.Add()
	if e := r.decode(rec[recordMessage:], at, b); e != nil {
		gap.To = e.Time
	}
	r.out.lose(&b.Events[n], id, monitor.TimeRing, gap)
	return true
}

func (r *ring) decode(msg []byte, at monitor.Time, b *monitor.Batch) *monitor.Event {
	return r.out.decode(msg, at, monitor.TimeRing, r.last.id, b)
}

// lostBefore returns how many events were lost before a record with the given count of
// drops. A record may have a lower count than its predecessor: two CPUs wrote them at
// the same time.
func (t *tap) lostBefore(drops uint32) uint64 {
	n := int32(drops - uint32(t.drops.Load()))
	if n <= 0 {
		return 0
	}
	t.drops.Add(uint64(n))
	return uint64(n)
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
	for _, t := range r.taps {
		if len(b.Events) == monitor.BatchSize {
			break // the next time, then
		}
		r.lateLoss(t, b)
	}
	return nil
}

// lateLoss reads the counter first and checks the ring after it: if that is still empty,
// no record was written before the last of these drops, and they are in front of all that
// comes. Otherwise the next record has them. A namespace that is gone sends no records.
func (r *ring) lateLoss(t *tap, b *monitor.Batch) {
	gap := t.pending
	if drops := t.counters.load(counterDrops); drops != t.drops.Load() && (t.gone || r.mem.produced() == r.pos) {
		gap.Count += drops - t.drops.Swap(drops)
	}
	if gap == (monitor.Gap{}) {
		return
	}
	t.pending = monitor.Gap{}
	gap.From, gap.To = r.out.last, r.wall.moment()
	r.out.lose(b.Add(), t.id, monitor.TimeRing, gap)
}

// socketErrors reads the errors of a socket, which has nothing else to read.
func (r *ring) socketErrors(fd int) {
	for _, t := range r.taps {
		if t.fd != fd {
			continue
		}
		for {
			// Reading takes the error, and ends the state of congestion in which the
			// kernel would not raise another.
			switch _, _, err := unix.Recvfrom(fd, nil, unix.MSG_DONTWAIT); err {
			case unix.ENOBUFS:
				t.overrun()
			case nil, unix.EINTR:
			default:
				return
			}
		}
	}
}

func (t *tap) overrun() {
	n := uint64(0)
	if drops, err := socketDrops(t.fd); err == nil {
		n = uint64(drops - t.dropped) // wraps as the kernel's counter does
		t.dropped = drops
	}
	t.pending.Count += n
	t.pending.Uncertain = t.pending.Uncertain || n == 0
}

// finish closes the socket of a member that is gone: what is in the ring by then is
// its last.
func (r *ring) finish(m *member, b *monitor.Batch) (done bool, err error) {
	t := m.feed.(*tap)
	if !t.gone {
		t.hush()
		t.gone, t.until = true, r.mem.produced()
	}
	if r.pos < t.until {
		return false, nil
	}
	r.lateLoss(t, b)
	delete(r.byID, t.id)
	r.taps = slices.DeleteFunc(r.taps, func(o *tap) bool { return o == t })
	if r.last == t {
		r.last = &r.nothing
	}
	return true, nil
}
