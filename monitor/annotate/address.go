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

// addresses are the addresses of containers that have their own network namespace. now may be
// loaded from any goroutine; it is nil until there is a map.
type addresses struct {
	now atomic.Pointer[addressMap]

	follower   *netns.Follower
	containers *containers

	mu    sync.Mutex
	boxes map[uint64]*box // by the inode of the namespace
}

// box is a network namespace with the container in it, if any.
type box struct {
	file  *os.File
	stop  func() // ends FollowLocals; nil: no container is known
	owner *monitor.Local
	addrs []netip.Addr
}

// addressMap maps addresses to containers. It is never changed after it is published.
type addressMap struct {
	owner map[monitor.Addr]*monitor.Local
	marks [256]bool // if the mark of an address is not set, owner does not have it
}

// mark returns an 8-bit hash of an address.
func mark(a *monitor.Addr) uint8 { return a[13] ^ 17*a[14] ^ 101*a[15] }

// of returns the container of a forwarded flow's sender, otherwise that of its receiver, or nil.
// m may be nil.
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
		Renamed: a.join, // a process may enter the namespace later, and its container's cgroup after that
		Gone:    func(n netns.Found) { a.drop(n.Inode) },
		Wanted:  func(n netns.Found) bool { return !n.Own },
		Every:   time.Second, // a scan costs as much as some hundred events
	})
	if err != nil {
		return fmt.Errorf("forwarded flows are shown without containers: %w", err)
	}
	return nil
}

// join begins to follow the addresses of a namespace if a container is in it.
func (a *addresses) join(n netns.Found) {
	b := a.boxes[n.Inode]
	if b == nil || b.stop != nil || n.PID == 0 {
		return
	}
	named := a.containers.ofProcess(n.PID)
	if named == (names{}) {
		return
	}
	if named.pod != "" {
		named.container = "" // all containers of a pod have its address
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

// publish stores a new map in a.now. An address of two containers belongs to neither. The caller
// holds a.mu.
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

// drop removes a namespace, and stops following its addresses.
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

// close stops following and removes all namespaces.
func (a *addresses) close() {
	if a.follower == nil {
		return
	}
	a.follower.Close()
	for inode := range a.boxes {
		a.drop(inode)
	}
}
