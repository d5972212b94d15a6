//go:build linux

package capture

import (
	"cmp"
	"os"
	"sync"
	"sync/atomic"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// member is a network namespace that is captured: the only one, which has the number
// 0, or one of many. The follower finds it and opens its socket; the reader admits and
// reads it and, when the follower has seen that it is gone, retires it.
type member struct {
	id   monitor.NetNS
	ns   int      // its descriptor; 0: the caller's
	file *os.File // keeps the namespace alive; nil: the descriptor is not ours
	own  bool     // it is the caller's
	late bool     // found after Open has returned
	feed feed
	stop func() // ends what follows its addresses; nil: nothing does
}

// feed is what a queue keeps of one member: the socket that receives its events, which
// close closes. Its methods may be called while another goroutine reads.
type feed interface {
	leftOut() uint64    // events that Config.Push did not want
	unreported() uint64 // events lost that no event reports yet
	capacity() int      // bytes of a queue of its own; 0: it has none
	close()
}

// queue is where the kernel puts events: one ring for all members, or a socket each.
// One goroutine reads it; open may be called from another one meanwhile.
type queue interface {
	way() Way
	// open opens the socket of a member, which joins no group yet. What it fills is
	// ready to be read.
	open(m *member) (*netlink.Conn, feed, error)
	// admit begins to read a member.
	admit(m *member) error
	// read appends events until the queue is dry or the batch is full.
	read(b *monitor.Batch) (reading, error)
	// finish reads what is left of a member that is gone, and reports whether that
	// is all.
	finish(m *member, b *monitor.Batch) (done bool, err error)
	capacity() int // bytes of the queue that all members share; 0: none
	close()
}

// dial opens a netlink socket in a namespace and calls setUp with it. fd is a second
// descriptor of it, which Go's poller does not know. The caller closes both.
func dial(ns int, setUp func(*netlink.Conn) error) (conn *netlink.Conn, fd int, err error) {
	conn, err = netns.Dial(unix.NETLINK_NETFILTER, ns)
	if err != nil {
		return nil, -1, err
	}
	if err = setUp(conn); err == nil {
		err = control(conn, func(its int) (err error) {
			fd, err = unix.FcntlInt(uintptr(its), unix.F_DUPFD_CLOEXEC, 0)
			return os.NewSyscallError("fcntl", err)
		})
	}
	if err != nil {
		conn.Close()
		return nil, -1, err
	}
	return conn, fd, nil
}

// control calls f with the connection's descriptor.
func control(conn *netlink.Conn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return cmp.Or(cerr, err)
}

func (s *members) close(m *member) {
	if m.stop != nil {
		s.ending.Go(m.stop)
	}
	s.names.End(m.id)
	m.feed.close()
	if m.file != nil {
		m.file.Close()
	}
}

// members is how the follower and the reader hand members over to each other.
type members struct {
	names   *monitor.Namespaces
	waiting atomic.Bool // there is something for the reader to take
	mu      sync.Mutex
	all     map[monitor.NetNS]*member // those that the reader has not retired
	arrived []*member
	leaving []*member
	left    uint64 // events left out in namespaces that are gone
	ending  sync.WaitGroup
}

// arrive calls join, which joins the groups of a member's events, and gives the
// member to the reader. A reader that finds a message of an unknown namespace takes
// what is waiting, and so knows it.
func (s *members) arrive(m *member, join func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.Store(true) // before the first message can come
	if err := join(); err != nil {
		return err
	}
	s.all[m.id] = m
	s.arrived = append(s.arrived, m)
	return nil
}

// leave has the reader retire a member.
func (s *members) leave(m *member) {
	s.mu.Lock()
	s.leaving = append(s.leaving, m)
	s.waiting.Store(true)
	s.mu.Unlock()
}

// arrivals is how many members one batch announces at most.
const arrivals = monitor.BatchSize / 4

// take returns the members that came and those that are to go since the last call.
func (s *members) take() (arrived, leaving []*member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arrived, leaving = s.arrived, s.leaving
	if len(arrived) > arrivals {
		arrived = arrived[:arrivals:arrivals]
	}
	s.arrived = s.arrived[len(arrived):]
	if len(s.arrived) > 0 {
		leaving = nil // who goes must have come
	} else {
		s.arrived, s.leaving = nil, nil
	}
	s.waiting.Store(len(s.arrived)+len(s.leaving) > 0)
	return arrived, leaving
}

// release closes a member that the reader has read to its end.
func (s *members) release(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, m.id)
	s.left += m.feed.leftOut()
	s.close(m)
}

// closeAll closes all members, at the end of the capture.
func (s *members) closeAll() {
	defer s.ending.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.all {
		s.left += m.feed.leftOut()
		s.close(m)
	}
	clear(s.all)
	s.arrived, s.leaving = nil, nil
}

// ids returns the numbers of all members.
func (s *members) ids() (all []monitor.NetNS) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.all {
		all = append(all, id)
	}
	return all
}

// sum returns what was left out, what was lost and not reported yet, and the sockets'
// buffers together.
func (s *members) sum() (left, lost uint64, capacity int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left = s.left
	for _, m := range s.all {
		left += m.feed.leftOut()
		lost += m.feed.unreported()
		capacity += m.feed.capacity()
	}
	return left, lost, capacity
}

// open returns a descriptor of a member's namespace that is the caller's to close
// (0: the caller's own namespace). ok is false if the member is gone.
func (s *members) open(id monitor.NetNS) (fd int, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.all[id]
	if m == nil || m.ns == 0 {
		return 0, m != nil, nil
	}
	fd, err = unix.FcntlInt(uintptr(m.ns), unix.F_DUPFD_CLOEXEC, 0)
	return fd, true, os.NewSyscallError("fcntl", err)
}
