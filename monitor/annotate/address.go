//go:build linux

package annotate

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
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

// addressMap maps addresses to containers. It is a hash table with linear probing, in which a
// search costs less than in a Go map. It is never changed after it is published.
type addressMap struct {
	slots []slot    // a power of two, at least three quarters of them free
	shift uint      // 64 minus its exponent
	seed  [2]uint64 // random and odd, so that nobody can choose addresses for one slot
}

// slot is an address and its container. The zero address is a free slot.
type slot struct {
	addr  monitor.Addr
	owner *monitor.Local // nil: two containers have the address
}

func newAddressMap(addrs int) *addressMap {
	exponent := bits.Len(uint(addrs)) + 2
	return &addressMap{make([]slot, 1<<exponent), 64 - uint(exponent), [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}}
}

// at returns the slot of an address, or the free slot where it belongs.
func (m *addressMap) at(a *monitor.Addr) *slot {
	hash := binary.NativeEndian.Uint64(a[:8])*m.seed[0] + binary.NativeEndian.Uint64(a[8:])*m.seed[1]
	for i := hash >> m.shift; ; i++ {
		if s := &m.slots[i&uint64(len(m.slots)-1)]; s.addr == *a || s.addr == (monitor.Addr{}) {
			return s
		}
	}
}

// of returns the container of a forwarded flow's sender, otherwise that of its receiver, or nil.
// m may be nil.
func (m *addressMap) of(f *monitor.Flow) *monitor.Local {
	if m == nil {
		return nil
	}
	if l := m.at(&f.Orig.Src).owner; l != nil {
		return l
	}
	return m.at(&f.Reply.Src).owner
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
	addrs := 0
	for _, b := range a.boxes {
		addrs += len(b.addrs)
	}
	m := newAddressMap(addrs)
	for _, b := range a.boxes {
		for _, addr := range b.addrs {
			if addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() {
				continue
			}
			key := monitor.AddrFrom(addr)
			s := m.at(&key)
			if s.addr == key && s.owner != b.owner {
				s.owner = nil
				continue
			}
			*s = slot{key, b.owner}
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
