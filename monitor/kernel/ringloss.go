//go:build linux

package kernel

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
	seen uint64        // of the program's counter: drops that were reported
	gaps []monitor.Gap // of the current batch

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

// reset ends the life of the gaps of the batch before.
func (l *ringLoss) reset() { l.gaps = l.gaps[:0] }

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

// told reports whether there is anything to take.
func (l *ringLoss) told() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending != socketLoss{}
}

// lose makes e the event of a loss.
func (c *ringCapture) lose(e *monitor.Event, gap monitor.Gap) {
	e.Kind, e.Time, e.TimeSource = monitor.KindLost, gap.To, monitor.TimeRing
	// When the slice grows, earlier events keep pointing into the old array.
	c.loss.gaps = append(c.loss.gaps, gap)
	e.Gap = &c.loss.gaps[len(c.loss.gaps)-1]
	c.stats.gaps.Add(1)
	c.stats.lost.Add(gap.Count)
}

// lateLoss appends what was lost since the last record.
//
// The counter is read first and the ring looked at after it: if it is empty
// still, no record was written before the last of these drops, and they lie
// before all that comes. Otherwise the next record tells.
func (c *ringCapture) lateLoss(b *monitor.Batch, told socketLoss) {
	drops := c.mem.drops()
	gap := monitor.Gap{Count: told.count, Uncertain: told.uncertain}
	if c.mem.produced() == c.pos {
		gap.Count += drops - c.loss.seen
		c.loss.seen = drops
	}
	if gap == (monitor.Gap{}) {
		return
	}
	if gap.Count == 0 {
		gap.Count = 1 // at least
	}
	gap.From, gap.To = c.clock.last, max(c.clock.last, c.wall.moment())
	c.clock.last = gap.To
	c.lose(b.Add(), gap)
}

// watchSocket waits for errors on the socket until it is closed. They are rare,
// and nothing else ever makes it readable: the wait costs nothing.
func (c *ringCapture) watchSocket(raw syscall.RawConn) {
	var buf [1]byte
	raw.Read(func(fd uintptr) bool {
		for {
			// Reading takes the error, and ends the state of congestion in which
			// the kernel would not raise another.
			_, _, err := unix.Recvfrom(int(fd), buf[:], unix.MSG_DONTWAIT)
			switch err {
			case unix.ENOBUFS:
				c.overrun(int(fd))
			case nil, unix.EINTR:
			default:
				return false
			}
		}
	})
}

// overrun passes an ENOBUFS on to the reader.
func (c *ringCapture) overrun(fd int) {
	var s socketLoss
	if drops, err := socketDrops(fd); err == nil {
		s.count = uint64(drops - c.loss.drops) // wraps as the kernel's counter does
		c.loss.drops = drops
	}
	s.uncertain = s.count == 0
	c.loss.tell(s)
	c.wait.interrupt()
}
