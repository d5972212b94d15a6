package monitor

import (
	"slices"
	"sync"
)

// NetNS is the number of a network namespace within a run, short enough for a
// tuple. 0 is the only namespace of a run that watches one. Names
// are with [Namespaces].
type NetNS uint16

// Namespace is what is known of a network namespace.
type Namespace struct {
	// Name is what people call it, unique among those that there are at one time
	// as far as its givers see to that: the name of ip-netns(8), a container's id
	// with its runtime (docker:0123456789ab), a process (pid:1234) or a path. It
	// is untrusted text: what prints it escapes it.
	Name  string
	Inode uint64 // of its file in nsfs; unique among the namespaces of the moment
}

// Namespaces gives network namespaces their numbers. A number is given again
// only after all others were: rows, events and lines of an ended namespace keep
// its name for the next 60,000 namespaces. The zero value is ready to use; a nil pointer
// has no namespaces. All methods may be called from several goroutines.
type Namespaces struct {
	mu      sync.RWMutex
	entries []namespaceEntry // by number; entry 0 is unused
	last    NetNS
	used    int // numbers of those that are there
	byName  map[string]NetNS
}

type namespaceEntry struct {
	Namespace
	there bool
}

// Add gives a namespace a number. ok is false if all 65,535 are in use.
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

// Named returns the number of the namespace of a name, and gives it one if it has
// none: for recordings, which know names alone. ok is false if all numbers are in
// use. What is named so never ends.
func (n *Namespaces) Named(s Namespace) (id NetNS, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok = n.byName[s.Name]; ok {
		return id, true
	}
	if id, ok = n.add(s); ok {
		if n.byName == nil {
			n.byName = map[string]NetNS{}
		}
		n.byName[s.Name] = id
	}
	return id, ok
}

// Rename gives a namespace another name, under which its flows of before appear
// as well.
func (n *Namespaces) Rename(id NetNS, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if int(id) < len(n.entries) && n.entries[id].there {
		n.entries[id].Name = name
	}
}

// End says that the namespace is gone. Get goes on to know it.
func (n *Namespaces) End(id NetNS) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if int(id) < len(n.entries) && n.entries[id].there {
		n.entries[id].there = false
		n.used--
	}
}

// Get returns what is known of a namespace, the zero Namespace for the number 0
// and for those that are none.
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

// Name returns the name of a namespace, or "". It costs little
// enough for every event.
func (n *Namespaces) Name(id NetNS) string { return n.Get(id).Name }

// Any reports whether a number was ever given.
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
