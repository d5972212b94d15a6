package monitor

import (
	"slices"
	"sync"
)

// NetNS is the number of a network namespace within a run, short enough for a tuple. 0 means
// that the run watches only one namespace. [Namespaces] has the names.
type NetNS uint16

// Namespace describes a network namespace.
type Namespace struct {
	// Name is the name of ip-netns(8), a container's id with its runtime (docker:0123456789ab),
	// a process (pid:1234) or a path. The names of existing namespaces differ. It is untrusted
	// text and must be escaped when it is printed.
	Name  string
	Inode uint64 // of its file in nsfs; unique among the existing namespaces

	// Gateway is where the namespace is, in a recording of several hosts; "": on this host, or on the only one. A
	// host without names of namespaces has one with the name "".
	Gateway Gateway
}

// String returns the name with that of the gateway: blue, fra1-a, fra1-a/blue.
func (n *Namespace) String() string {
	switch {
	case n.Gateway == "":
		return n.Name
	case n.Name == "":
		return n.Gateway.Name()
	}
	return n.Gateway.Name() + "/" + n.Name
}

// Namespaces assigns numbers to network namespaces. It reuses a number only after it has
// assigned all others, so events and lines of an ended namespace keep its name for the next
// 60,000 namespaces. The zero value is ready to use; a nil pointer has no namespaces. All
// methods may be called from several goroutines.
type Namespaces struct {
	mu      sync.RWMutex
	entries []namespaceEntry // by number; entry 0 is unused
	last    NetNS
	used    int // numbers of existing namespaces
	renames uint64
	byName  map[Namespace]NetNS // without inodes: see Named
}

type namespaceEntry struct {
	Namespace
	there bool
}

// Add assigns a number to a namespace. ok is false if all 65,535 are in use.
func (n *Namespaces) Add(s Namespace) (id NetNS, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.add(s)
}

func (n *Namespaces) add(s Namespace) (id NetNS, ok bool) {
	if n.used == 1<<16-1 {
		return 0, false
	}
	for n.last++; n.last == 0 || int(n.last) < len(n.entries) && n.entries[n.last].there; n.last++ {
	}
	for int(n.last) >= len(n.entries) {
		n.entries = append(n.entries, namespaceEntry{})
	}
	n.used++
	n.entries[n.last] = namespaceEntry{s, true}
	return n.last, true
}

// Named returns the number of the namespace with this name and gateway, and assigns one if it has none. It
// is for recordings, which have only names. ok is false if all numbers are in use. Such a
// namespace never ends.
func (n *Namespaces) Named(s Namespace) (id NetNS, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := Namespace{Name: s.Name, Gateway: s.Gateway}
	if id, ok = n.byName[key]; ok {
		return id, true
	}
	if id, ok = n.add(s); ok {
		if n.byName == nil {
			n.byName = map[Namespace]NetNS{}
		}
		n.byName[key] = id
	}
	return id, ok
}

// Rename changes the name of a namespace. Earlier flows of it have the new name too.
func (n *Namespaces) Rename(id NetNS, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if int(id) < len(n.entries) && n.entries[id].there {
		n.entries[id].Name = name
		n.renames++
	}
}

// Renames returns how often a namespace was renamed.
func (n *Namespaces) Renames() uint64 {
	if n == nil {
		return 0
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.renames
}

// End marks the namespace as ended. Get still returns it.
func (n *Namespaces) End(id NetNS) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if int(id) < len(n.entries) && n.entries[id].there {
		n.entries[id].there = false
		n.used--
	}
}

// Get returns a namespace, or the zero Namespace for the number 0 and for unused numbers.
func (n *Namespaces) Get(id NetNS) Namespace {
	if n == nil {
		return Namespace{}
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if int(id) < len(n.entries) {
		return n.entries[id].Namespace
	}
	return Namespace{}
}

// Name returns the name of a namespace with that of its gateway, or "". It is cheap enough to be called for every
// event.
func (n *Namespaces) Name(id NetNS) string {
	s := n.Get(id)
	return s.String()
}

// Any reports whether a number was ever assigned.
func (n *Namespaces) Any() bool {
	if n == nil {
		return false
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.entries) > 0
}

// All calls f for every namespace that has not ended, in the order of numbers.
func (n *Namespaces) All(f func(NetNS, Namespace)) {
	if n == nil {
		return
	}
	n.mu.RLock()
	entries := slices.Clone(n.entries)
	n.mu.RUnlock()
	for id, e := range entries {
		if e.there {
			f(NetNS(id), e.Namespace)
		}
	}
}
