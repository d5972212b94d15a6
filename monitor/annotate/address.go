//go:build linux

package annotate

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// addresses are the addresses of containers with their own network namespace.
type addresses struct {
	now atomic.Pointer[addressMap]

	follower   *netns.Follower
	containers *containers

	mu    sync.Mutex
	boxes map[uint64]*box // by the inode of the namespace
}

// box is a network namespace and the container in it.
type box struct {
	file  *os.File
	stop  func() // nil: it belongs to no container
	owner *monitor.Local
	addrs []netip.Addr
}

// addressMap is never changed once made.
type addressMap struct {
	owner map[monitor.Addr]*monitor.Local
	marks [256]bool // an address whose mark is not set is not in owner
}

// mark is a hash of few bits.
func mark(a *monitor.Addr) uint8 { return a[13] ^ 17*a[14] ^ 101*a[15] }

// of returns the container that a forwarded flow belongs to: that of the sender, otherwise
// that of the receiver.
func (m *addressMap) of(f *monitor.Flow) *monitor.Local {
	if m == nil {
		return nil
	}
	for _, a := range [...]*monitor.Addr{&f.Orig.Src, &f.Reply.Src} {
		if !m.marks[mark(a)] {
			continue
		}
		if l := m.owner[*a]; l != nil {
			return l
		}
	}
	return nil
}

// follow keeps the addresses up to date until close.
func (a *addresses) follow(c *containers) (err error) {
	a.containers, a.boxes = c, map[uint64]*box{}
	a.follower, err = netns.Follow(netns.FollowConfig{
		Came: func(n netns.Found, file *os.File, _ bool) error {
			a.mu.Lock()
			a.boxes[n.Inode] = &box{file: file}
			a.mu.Unlock()
			a.join(n)
			return nil
		},
		Renamed: a.join, // a process may be in its namespace before it is in its container's cgroup
		Gone:    func(n netns.Found) { a.drop(n.Inode) },
		Wanted:  func(n netns.Found) bool { return !n.Own },
		Every:   time.Second, // a scan costs as much as some hundred events
	})
	if err != nil {
		return fmt.Errorf("forwarded flows are shown without containers: %w", err)
	}
	return nil
}

// join follows the addresses of a namespace if a container is in it.
func (a *addresses) join(n netns.Found) {
	b := a.boxes[n.Inode]
	if b == nil || b.stop != nil || n.PID == 0 {
		return
	}
	named := a.containers.ofProcess(n.PID)
	if named == (names{}) {
		return
	}
	b.owner = &monitor.Local{Container: named.container, Pod: named.pod, Match: monitor.MatchAddress}
	stop, err := netns.FollowLocals(int(b.file.Fd()), func(l *monitor.Locals) {
		a.mu.Lock()
		defer a.mu.Unlock()
		b.addrs = l.Addrs()
		a.publish()
	})
	if err == nil {
		b.stop = stop
	}
}

// publish makes a new map. An address that two containers have belongs to neither.
func (a *addresses) publish() {
	m := &addressMap{owner: map[monitor.Addr]*monitor.Local{}}
	for b := range maps.Values(a.boxes) {
		for _, addr := range b.addrs {
			if addr.IsLoopback() || addr.IsLinkLocalUnicast() {
				continue
			}
			key := monitor.AddrFrom(addr)
			m.marks[mark(&key)] = true
			if old, taken := m.owner[key]; taken && old != b.owner {
				m.owner[key] = nil
				continue
			}
			m.owner[key] = b.owner
		}
	}
	a.now.Store(m)
}

// drop removes a namespace.
func (a *addresses) drop(inode uint64) {
	b := a.boxes[inode]
	if b.stop != nil {
		b.stop()
	}
	b.file.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.boxes, inode)
	a.publish()
}

// close stops following.
func (a *addresses) close() {
	if a.follower == nil {
		return
	}
	a.follower.Close()
	for inode := range a.boxes {
		a.drop(inode)
	}
}
