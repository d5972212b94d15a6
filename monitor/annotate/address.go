//go:build linux

package annotate

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

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

// addressMap is immutable.
type addressMap struct {
	set   *monitor.Locals // of the addresses: a quick test before the map
	owner map[monitor.Addr]*monitor.Local
}

// of returns the container of a forwarded flow: the sender's, otherwise that of the destination
// after NAT.
func (m *addressMap) of(f *monitor.Flow) *monitor.Local {
	switch {
	case m == nil:
	case m.set.Has(f.Orig.Src):
		return m.owner[f.Orig.Src]
	case m.set.Has(f.Reply.Src):
		return m.owner[f.Reply.Src]
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
	owner := map[monitor.Addr]*monitor.Local{}
	for b := range maps.Values(a.boxes) {
		for _, addr := range b.addrs {
			if addr.IsLoopback() || addr.IsLinkLocalUnicast() {
				continue
			}
			key := monitor.AddrFrom(addr)
			if old, taken := owner[key]; taken && old != b.owner {
				owner[key] = nil
				continue
			}
			owner[key] = b.owner
		}
	}
	set := make([]netip.Addr, 0, len(owner))
	for addr := range owner {
		set = append(set, addr.Netip())
	}
	a.now.Store(&addressMap{monitor.NewLocals(set), owner})
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
