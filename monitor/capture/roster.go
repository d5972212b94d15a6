//go:build linux

package capture

import (
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// member is a network namespace that is captured among others. Three hands have
// it, one after the other: the follower finds it and opens its sockets, the reader
// admits and reads it, and when the follower sees that it is gone, the reader
// retires it.
type member struct {
	netns.Found
	id   monitor.NetNS
	late bool     // found while the capture was under way
	file *os.File // keeps the namespace alive
	fd   int      // the socket that hears its events; -1 once it is closed

	tap    *ringTap      // with the ring
	socket *socketMember // by socket
	until  uint64        // with the ring: where its last record ends, once it is to be retired
}

// roster is how the follower and the reader hand members over to each other.
type roster struct {
	names *monitor.Namespaces
	wake  func() // interrupts the reader

	waiting atomic.Bool // there is something for the reader to take
	mu      sync.Mutex
	members map[monitor.NetNS]*member // those that the reader has not retired
	arrived []*member
	leaving []*member
	left    uint64 // events left out in namespaces that are gone
}

func newRoster(names *monitor.Namespaces, wake func()) *roster {
	return &roster{names: names, wake: wake, members: map[monitor.NetNS]*member{}}
}

// arrive joins the groups of a member's events, and gives it to the reader. A
// reader that finds a message of a namespace that it has not heard of asks, and
// hears of it when this is done.
func (r *roster) arrive(m *member, join func() error) error {
	if err := r.joined(m, join); err != nil {
		return err
	}
	r.wake()
	return nil
}

func (r *roster) joined(m *member, join func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting.Store(true) // before the first message can come
	if err := join(); err != nil {
		return err
	}
	r.members[m.id] = m
	r.arrived = append(r.arrived, m)
	return nil
}

// leave has the reader retire a member.
func (r *roster) leave(m *member) {
	r.mu.Lock()
	r.leaving = append(r.leaving, m)
	r.waiting.Store(true)
	r.mu.Unlock()
	r.wake()
}

// news reports whether there is something to take. The nil roster has none.
func (r *roster) news() bool { return r != nil && r.waiting.Load() }

// take returns the members that came and those that are to go since the last
// call. A batch has room for so many only: the rest waits for the next.
func (r *roster) take() (arrived, leaving []*member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	arrived, leaving = r.arrived, r.leaving
	if len(arrived) > rosterBatch {
		arrived = arrived[:rosterBatch:rosterBatch]
	}
	r.arrived = r.arrived[len(arrived):]
	if len(r.arrived) > 0 {
		leaving = nil // who goes must have come
	} else {
		r.arrived, r.leaving = nil, nil
	}
	r.waiting.Store(len(r.arrived)+len(r.leaving) > 0)
	return arrived, leaving
}

const rosterBatch = monitor.BatchSize / 4

// dismiss lets go of a member that the reader has read to its end.
func (r *roster) dismiss(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, m.id)
	if m.tap != nil {
		r.left += m.tap.counters.leftOut()
	}
	m.close()
	r.names.End(m.id)
}

// deafen closes the member's socket: nothing comes from it any more.
func (r *roster) deafen(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.closeSocket()
}

func (m *member) closeSocket() {
	if m.fd >= 0 {
		unix.Close(m.fd)
		m.fd = -1
	}
}

// close lets go of the namespace.
func (m *member) close() {
	m.closeSocket()
	m.file.Close()
}

// closeAll is the end of the capture.
func (r *roster) closeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		m.close()
		r.names.End(m.id)
	}
	clear(r.members)
	r.arrived, r.leaving = nil, nil
}

// ids returns the numbers of all members.
func (r *roster) ids() (all []monitor.NetNS) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.members {
		all = append(all, id)
	}
	return all
}

// buffers returns the sizes of all members' socket buffers together.
func (r *roster) buffers() (size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		if m.socket != nil {
			size += m.socket.size
		}
	}
	return size
}

// with calls f with the descriptor of a member's namespace, which stays open
// until f returns. It returns false if the member is gone.
func (r *roster) with(id monitor.NetNS, f func(fd int) error) (ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[id]
	if m == nil {
		return false, nil
	}
	return true, f(int(m.file.Fd()))
}

// appendNetNS appends the begin or the end of a namespace.
func appendNetNS(b *monitor.Batch, kind monitor.Kind, id monitor.NetNS, c *clock) {
	e := b.Add()
	e.Kind, e.Time, e.TimeSource = kind, monitor.Now(), monitor.TimeReceived
	e.SetNetNS(id)
	c.order(e)
}
