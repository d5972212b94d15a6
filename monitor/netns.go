package monitor

import (
	"slices"
	"sync"
	"sync/atomic"
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
// its name for the next 60,000 namespaces. The zero value is ready; the nil one
// knows none. All methods may be called from several goroutines.
type Namespaces struct {
	entries atomic.Pointer[[]*namespaceEntry] // by number

	mu     sync.Mutex
	last   NetNS
	used   int // numbers of those that are there
	byName map[string]NetNS
}

type namespaceEntry struct {
	Namespace
	ended bool
}

// Add gives a namespace a number. ok is false if all 65,535 are in use.
func (n *Namespaces) Add(s Namespace) (id NetNS, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.used == 1<<16-1 {
		return 0, false
	}
	for {
		n.last++
		if n.last == 0 {
			continue
		}
		if e := n.entry(n.last); e == nil || e.ended {
			break
		}
	}
	n.used++
	n.set(n.last, namespaceEntry{Namespace: s})
	return n.last, true
}

// Named returns the number of the namespace of a name, and gives it one if it has
// none: for recordings, which know names alone. ok is false if all numbers are in
// use. What is named so never ends.
func (n *Namespaces) Named(s Namespace) (id NetNS, ok bool) {
	n.mu.Lock()
	id, ok = n.byName[s.Name]
	n.mu.Unlock()
	if ok {
		return id, true
	}
	if id, ok = n.Add(s); ok {
		n.mu.Lock()
		defer n.mu.Unlock()
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
	if e := n.entry(id); e != nil && !e.ended {
		s := e.Namespace
		s.Name = name
		n.set(id, namespaceEntry{Namespace: s})
	}
}

// End says that the namespace is gone. Get goes on to know it.
func (n *Namespaces) End(id NetNS) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.entry(id); e != nil && !e.ended {
		n.used--
		n.set(id, namespaceEntry{e.Namespace, true})
	}
}

// Get returns what is known of a namespace, the zero Namespace for the number 0
// and for those that are none.
func (n *Namespaces) Get(id NetNS) Namespace {
	if e := n.entry(id); e != nil {
		return e.Namespace
	}
	return Namespace{}
}

// Any reports whether a number was ever given.
func (n *Namespaces) Any() bool {
	return len(n.list()) > 0
}

// Name returns the name of a namespace, or "". It costs little
// enough for every event.
func (n *Namespaces) Name(id NetNS) string {
	if e := n.entry(id); e != nil {
		return e.Name
	}
	return ""
}

// All calls f for every namespace that has not ended, in the order of numbers.
func (n *Namespaces) All(f func(NetNS, Namespace)) {
	for id, e := range n.list() {
		if e != nil && !e.ended {
			f(NetNS(id), e.Namespace)
		}
	}
}

func (n *Namespaces) list() []*namespaceEntry {
	if n == nil {
		return nil
	}
	if list := n.entries.Load(); list != nil {
		return *list
	}
	return nil
}

func (n *Namespaces) entry(id NetNS) *namespaceEntry {
	if list := n.list(); int(id) < len(list) {
		return list[id]
	}
	return nil
}

// set changes an entry in a copy, and appends a new one: nobody reads beyond the list
// that there was before.
func (n *Namespaces) set(id NetNS, e namespaceEntry) {
	list := n.list()
	if list == nil {
		list = []*namespaceEntry{nil} // number 0
	}
	if int(id) == len(list) {
		list = append(list, &e)
	} else {
		list = slices.Clone(list)
		list[id] = &e
	}
	n.entries.Store(&list)
}
