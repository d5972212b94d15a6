//go:build linux

package capture

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// ringLoss keeps account of what did not reach the reader.
//
// A message that finds no room in the ring counts in the program's counter, and
// each record bears the counter as it stood when the record was written: the
// loss lies before the first record that bears a higher count than the one
// before. What was lost after the last record is seen when the ring runs empty.
// That count is exact.
//
// Where the kernel fails to make a message at all, for want of memory, it says
// ENOBUFS on the socket: with a count of drops if it could not copy a message
// that existed (netlink_overrun), without if there never was one
// (netlink_set_err), and then the loss is uncertain.
type ringLoss struct {
	seen uint64 // of the program's counter: drops that were reported

	mu      sync.Mutex
	pending socketLoss // found by watchSocket, not reported yet
	drops   uint32     // the socket's drops when it last looked
}

// socketLoss is what an ENOBUFS on the socket told.
type socketLoss struct {
	count     uint64
	uncertain bool
}

func (s *socketLoss) add(t socketLoss) {
	s.count += t.count
	s.uncertain = s.uncertain || t.uncertain
}

// before returns how many events were lost before a record that bears the given
// count of drops. A record may bear a lower count than the one before it: two
// CPUs wrote them at the same time.
func (l *ringLoss) before(drops uint32) uint64 {
	n := int32(drops - uint32(l.seen))
	if n <= 0 {
		return 0
	}
	l.seen += uint64(n)
	return uint64(n)
}

// tell adds to what the next empty ring reports.
func (l *ringLoss) tell(s socketLoss) {
	l.mu.Lock()
	l.pending.add(s)
	l.mu.Unlock()
}

// take empties what was told.
func (l *ringLoss) take() socketLoss {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.pending
	l.pending = socketLoss{}
	return s
}

// lose makes e the event of a loss in the namespace of a tap.
func (c *ringCapture) lose(e *monitor.Event, tap *ringTap, gap monitor.Gap) {
	e.Kind, e.Time, e.TimeSource = monitor.KindLost, gap.To, monitor.TimeRing
	e.SetNetNS(tap.netns)
	// When the slice grows, earlier events keep pointing into the old array.
	c.gaps = append(c.gaps, gap)
	e.Gap = &c.gaps[len(c.gaps)-1]
	c.stats.gaps.Add(1)
	c.stats.lost.Add(gap.Count)
}

// lateLoss appends what was lost in a namespace since the last record. told says
// whether to ask for what the socket has told, too.
//
// The counter is read first and the ring looked at after it: if it is empty
// still, no record was written before the last of these drops, and they lie
// before all that comes. Otherwise the next record tells.
func (c *ringCapture) lateLoss(b *monitor.Batch, tap *ringTap, told bool) {
	var gap monitor.Gap
	if told {
		pending := tap.loss.take()
		gap.Count, gap.Uncertain = pending.count, pending.uncertain
	}
	if drops := tap.counters.drops(); drops != tap.loss.seen && c.mem.produced() == c.pos {
		gap.Count += drops - tap.loss.seen
		tap.loss.seen = drops
	}
	if gap == (monitor.Gap{}) {
		return
	}
	if gap.Count == 0 {
		gap.Count = 1 // at least
	}
	gap.From, gap.To = c.clock.last, max(c.clock.last, c.wall.moment())
	c.clock.last = gap.To
	c.lose(b.Add(), tap, gap)
}

// watchSocket waits for errors on the socket until it is closed. They are rare,
// and nothing else ever makes it readable: the wait costs nothing.
func (c *ringCapture) watchSocket(raw syscall.RawConn) {
	raw.Read(func(fd uintptr) bool {
		c.takeSocketError(int(fd), c.taps[0])
		return false
	})
}

// takeSocketError reads what a socket has to tell.
func (c *ringCapture) takeSocketError(fd int, tap *ringTap) {
	var buf [1]byte
	for {
		// Reading takes the error, and ends the state of congestion in which
		// the kernel would not raise another.
		_, _, err := unix.Recvfrom(fd, buf[:], unix.MSG_DONTWAIT)
		switch err {
		case unix.ENOBUFS:
			c.overrun(fd, tap)
		case nil, unix.EINTR:
		default:
			return
		}
	}
}

// overrun passes an ENOBUFS on to the reader.
func (c *ringCapture) overrun(fd int, tap *ringTap) {
	var s socketLoss
	if drops, err := socketDrops(fd); err == nil {
		s.count = uint64(drops - tap.loss.drops) // wraps as the kernel's counter does
		tap.loss.drops = drops
	}
	s.uncertain = s.count == 0
	c.tell(tap, s)
}

// tell has the reader report a loss that the tap's counter does not show.
func (c *ringCapture) tell(tap *ringTap, s socketLoss) {
	tap.loss.tell(s)
	c.told.Store(true)
	c.wait.interrupt()
}
