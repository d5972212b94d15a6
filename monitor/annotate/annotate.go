//go:build linux

package annotate

import (
	"cmp"
	"sync"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// Config is where an Annotator looks up sockets. In is required.
type Config struct {
	// In calls f with the file descriptor of a network namespace (0: the caller's).
	In func(id monitor.NetNS, f func(fd int) error) error

	// Refused is called by Open with each reason that something can't be looked up and is left
	// out, such as ErrPtrace; nil: reasons are dropped.
	Refused func(error)
}

// Annotator finds the Local of events. Its methods may be called from several goroutines. A
// Local that it returns must not be changed.
type Annotator struct {
	in         func(monitor.NetNS, func(int) error) error
	containers containers
	addresses  addresses
	known      Known // flows that begin or end on this host

	mu        sync.Mutex // guards the fields below
	conns     map[monitor.NetNS]*sockets
	processes processes
	cgroups   cgroups
	asked     []question // reused by each batch
}

// question is an event whose socket is looked up.
type question struct {
	event *monitor.Event
	found socket
}

// maxKnown is the maximum number of remembered flows between two batches. If there are more, all
// are dropped, and each is looked up again at its next event.
const maxKnown = 1 << 17

// Open returns an Annotator, which follows the addresses of containers until Close. It never
// fails: what can't be looked up is reported to Config.Refused.
func Open(cfg Config) *Annotator {
	a := &Annotator{in: cfg.In, conns: map[monitor.NetNS]*sockets{}}
	a.cgroups.containers = &a.containers
	for _, err := range []error{a.addresses.follow(&a.containers), denied()} {
		if err != nil && cfg.Refused != nil {
			cfg.Refused(err)
		}
	}
	return a
}

// Close closes the sockets and stops following addresses. Call it once, after the last Batch.
func (a *Annotator) Close() {
	a.addresses.close()
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.conns {
		a.drop(id)
	}
}

// Batch sets Local of the events whose Path is known; it stays nil if no certain match is found.
// Sockets are looked up before Batch returns.
func (a *Annotator) Batch(b *monitor.Batch) {
	at := a.addresses.now.Load()
	locals := false
	for i := range b.Events {
		switch e := &b.Events[i]; e.Flow.Path {
		case monitor.PathForward:
			e.Local = at.of(&e.Flow)
		case monitor.PathIn, monitor.PathOut, monitor.PathLoop:
			locals = true
		default:
			locals = locals || e.Kind == monitor.KindNetNSEnd
		}
	}
	if locals {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.locals(b)
	}
}

// Of returns the Local that is already known for a flow, or nil. It makes no lookup.
func (a *Annotator) Of(f *monitor.Flow) *monitor.Local {
	if f.Path == monitor.PathForward {
		return a.addresses.now.Load().of(f)
	}
	return a.known.Of(f)
}

// locals sets Local of the flows that begin or end on this host. The caller holds a.mu.
func (a *Annotator) locals(b *monitor.Batch) {
	now := monitor.Now()
	a.known.limit(maxKnown)
	a.asked = a.asked[:0]
	for i := range b.Events {
		e := &b.Events[i]
		if e.Kind == monitor.KindNetNSEnd {
			a.drop(e.NetNS())
		}
		if e.Flow.Path <= monitor.PathForward || !e.Kind.HasFlow() {
			continue
		}
		a.known.follow(e, now)
		if e.Kind == monitor.KindDestroy { // another socket may have these addresses now
			continue
		}
		if e.Local == nil || e.Local.Match != monitor.MatchExact || e.Local.PID == 0 {
			a.asked = append(a.asked, question{event: e})
		}
	}
	for start, end := 0, 0; start < len(a.asked); start = end { // those of one namespace
		id := a.asked[start].event.NetNS()
		for end < len(a.asked) && a.asked[end].event.NetNS() == id {
			end++
		}
		if s := a.sockets(id); s != nil && s.find(a.asked[start:end]) != nil {
			a.drop(id)
		}
	}
	a.processes.findAll(a.asked, &a.cgroups)
	for i := range a.asked {
		a.answer(&a.asked[i])
	}
	clear(a.asked)
}

// answer sets Local from the socket that was found. An earlier Local stays if it has a higher
// rank.
func (a *Annotator) answer(q *question) {
	e, s := q.event, &q.found
	e.Local = cmp.Or(a.known.Of(&e.Flow), e.Local) // an earlier event of this batch was looked up
	if s.match == monitor.MatchNone {
		return
	}
	l := &monitor.Local{Match: s.match}
	named, ok := a.cgroups.container(s.cgroup)
	switch {
	case s.inode != 0:
		l.UID, l.User = s.uid, a.processes.user(s.uid)
	case !ok: // no process has the socket open any more; its user is root to the kernel
		return
	}
	if p, found := a.processes.byInode[s.inode]; found {
		l.Process, l.PID = p.name, p.pid
		if !ok {
			named = a.containers.ofProcess(int(p.pid))
		}
	}
	l.Container, l.Pod = named.container, named.pod
	if old := e.Local; old != nil && (rank(old) > rank(l) || *old == *l) {
		return
	}
	e.Local = l
	a.known.set(e.Flow.Orig, l)
}

// rank orders the results for one flow; the highest is the best. A listening socket with a
// process ranks above an exact match without one.
func rank(l *monitor.Local) (n int) {
	if l.PID != 0 {
		n = 2
	}
	if l.Match == monitor.MatchExact {
		n++
	}
	return n
}

// sockets returns the lookup of a namespace, or nil if it cannot be opened.
func (a *Annotator) sockets(id monitor.NetNS) *sockets {
	if s := a.conns[id]; s != nil {
		return s
	}
	var s *sockets
	err := a.in(id, func(fd int) error {
		conn, err := netns.DialKernel(sockDiag, fd)
		s = &sockets{conn: conn}
		return err
	})
	if err != nil {
		return nil
	}
	a.conns[id] = s
	return s
}

// drop closes the lookup of a namespace.
func (a *Annotator) drop(id monitor.NetNS) {
	if s := a.conns[id]; s != nil {
		s.conn.Close()
		delete(a.conns, id)
	}
}
