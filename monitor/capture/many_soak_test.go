//go:build linux

package capture

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/loop"
	"natlens/monitor/netns"
	"natlens/monitor/table"
)

// churn is how many namespaces come and go in a soak: so many are there at any
// time, of which each is replaced after so long.
type churn struct {
	alive, made int
	every       time.Duration // between two new ones; 0: as fast as it goes
	flows       int           // of each, made twice: before and after it can have been found
}

// smallChurn is what the suite does; NATLENS_SOAK_NETNS=1 asks for fullChurn: ten a
// second for half a minute beside fifty.
var (
	smallChurn = churn{alive: 6, made: 18, flows: 40}
	fullChurn  = churn{alive: 50, made: 350, every: 100 * time.Millisecond, flows: 200}
)

// Namespaces with traffic come and go: every event has the right namespace, every
// flow that was made is reported and ended, and nothing is left: no flow, no
// descriptor, no goroutine, no map.
func TestEverySoak(t *testing.T) {
	size := smallChurn
	if os.Getenv("NATLENS_SOAK_NETNS") != "" {
		size = fullChurn
	}
	for _, w := range ways {
		t.Run(w.way.String(), func(t *testing.T) {
			if w.way == Ring {
				needRing(t)
			}
			soakEvery(t, w.way, size)
		})
	}
}

func soakEvery(t *testing.T, way Way, size churn) {
	if r, w, err := os.Pipe(); err == nil { // with the first one the runtime opens two descriptors of its own
		r.Close()
		w.Close()
	}
	runtime.GC() // which unmaps what earlier rings left
	before := takeStock()
	s := newSoak()
	table := table.New(table.Config{})
	c, err := Open(Config{Dump: kernel.Dump, Way: way, All: &All{Names: s.names, Locals: table.SetLocalsOf,
		Wanted: s.wanted}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	m := &loop.Loop{Source: c, Table: table, Sinks: []monitor.Sink{s}, Resync: loop.Resync{AfterLoss: true}}
	ran := make(chan error, 1)
	go func() { ran <- m.Run(ctx) }()

	began := time.Now()
	var alive []*soaked
	for i := range size.made {
		if len(alive) == size.alive {
			alive[0].end(t)
			alive = alive[1:]
		}
		alive = append(alive, s.begin(t, i, size.flows))
		time.Sleep(time.Until(began.Add(time.Duration(i+1) * size.every)))
	}
	for _, n := range alive {
		n.end(t)
	}
	waitFor(t, "all namespaces to end", func() bool { return len(c.IDs()) == 0 })
	waitFor(t, "all flows to end", func() bool { return table.Len() == 0 && s.ended() == size.made*2*size.flows })
	took := time.Since(began)
	st, events := c.Stats(), m.Stats().Events // what is read of the capture keeps it, and its ring
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	s.check(t, size)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if n := takeStock().descriptors; n > before.descriptors { // which no garbage collection closes
		t.Errorf("%d descriptors are open after Close, %d were before: %s", n, before.descriptors, openFiles())
	}
	s.names.All(func(_ monitor.NetNS, n monitor.Namespace) { t.Errorf("namespace %s is still numbered", n.Name) })
	waitFor(t, "everything to be given back", func() bool {
		runtime.GC() // which unmaps counters
		return takeStock().within(before)
	})
	t.Logf("%s: %d namespaces in %s, %d flows, %d events, %d lost", way, size.made, took.Round(time.Millisecond),
		size.made*2*size.flows, events, st.Lost)
}

// stock is what a process may leak.
type stock struct{ descriptors, goroutines, bpfMaps int }

func takeStock() (s stock) {
	s.goroutines = runtime.NumGoroutine()
	if names, err := os.ReadDir("/proc/self/fd"); err == nil {
		s.descriptors = len(names)
	}
	if text, err := os.ReadFile("/proc/self/maps"); err == nil {
		s.bpfMaps = strings.Count(string(text), "bpf")
	}
	return s
}

// openFiles says what the descriptors of this process are.
func openFiles() (all []string) {
	names, _ := os.ReadDir("/proc/self/fd")
	for _, n := range names {
		link, _ := os.Readlink("/proc/self/fd/" + n.Name())
		all = append(all, link)
	}
	return all
}

// within reports whether there is no more of anything than before. Less is what the
// collector has found meanwhile of what others left.
func (s stock) within(before stock) bool {
	return s.descriptors <= before.descriptors && s.goroutines <= before.goroutines && s.bpfMaps <= before.bpfMaps
}

// waitFor waits until something is so, which it is sure to be.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s for %s; now %+v", deadline, what, takeStock())
		}
	}
}

// soak is the namespaces of a run, and the sink that counts their events.
type soak struct {
	names *monitor.Namespaces

	mu       sync.Mutex
	series   map[uint64]int // the flows of each namespace, by its inode
	accounts map[monitor.NetNS]*account
	ends     int
	wrong    []string
}

// account is what was reported of a namespace. A flow that was made during the first
// dump of its table is reported twice, with one number: it is born once.
type account struct {
	series                             int
	begun, ended, born, died, inferred int
	known                              map[uint64]bool // the flows, by number
}

func newSoak() *soak {
	return &soak{names: new(monitor.Namespaces), series: map[uint64]int{}, accounts: map[monitor.NetNS]*account{}}
}

// wanted leaves other tests' namespaces alone.
func (s *soak) wanted(n netns.Found) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ours := s.series[n.Inode]
	return ours
}

// soaked is a namespace with a generator, and with what keeps it in sight: a process
// in it, or a mount where one may be made.
type soaked struct {
	s     *soak
	inode uint64
	g     *labtest.Generator
	child *exec.Cmd
	mount string
	busy  chan error // nil or the error of what makes the flows, when it is done
}

// begin makes the i-th namespace with its flows: some before anybody can have found
// it, which send no event, some after.
func (s *soak) begin(t *testing.T, i, flows int) *soaked {
	t.Helper()
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{Sysctls: map[string]string{"events": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	n := &soaked{s: s, inode: inodeOf(t, g.Namespace().FD()), g: g, busy: make(chan error, 1)}
	series := i % 127
	if _, err := g.Generate(t.Context(), labtest.GenConfig{Flows: flows, Base: 2 * series}); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.series[n.inode] = series
	s.mu.Unlock()
	n.show(t, i)
	go func() {
		n.busy <- s.later(t.Context(), g, n.inode, labtest.GenConfig{Flows: flows, Base: 2*series + 1})
	}()
	return n
}

// later makes flows when the namespace has been found, and its first flows in its
// table: what ends before that was never reported.
func (s *soak) later(ctx context.Context, g *labtest.Generator, inode uint64, cfg labtest.GenConfig) error {
	for end := time.Now().Add(deadline); !s.found(inode, cfg.Flows); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("a namespace was not found in %s", deadline)
		}
	}
	_, err := g.Generate(ctx, cfg)
	return err
}

// found reports whether the namespace that is there under an inode was reported,
// with so many flows.
func (s *soak) found(inode uint64, flows int) (yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names.All(func(n monitor.NetNS, known monitor.Namespace) {
		yes = yes || known.Inode == inode && s.accounts[n] != nil && s.accounts[n].born >= flows
	})
	return yes
}

// show brings the namespace into sight.
func (n *soaked) show(t *testing.T, i int) {
	t.Helper()
	if i%2 == 1 && os.Geteuid() == 0 && labtest.InitialUserNS() {
		n.mount = filepath.Join(netns.Dir, fmt.Sprintf("natlens-test-%d-%d", os.Getpid(), i))
		if err := os.MkdirAll(netns.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(n.mount, nil, 0o444); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(n.g.Namespace().Path(), n.mount, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		return
	}
	n.child = exec.Command("sleep", "600")
	if err := n.g.Namespace().Do(n.child.Start); err != nil {
		t.Fatal(err)
	}
}

// end takes the namespace away, as far as this process goes.
func (n *soaked) end(t *testing.T) {
	t.Helper()
	if err := <-n.busy; err != nil {
		t.Error(err)
	}
	n.s.mu.Lock()
	delete(n.s.series, n.inode) // which another namespace may have soon, and another test
	n.s.mu.Unlock()
	if n.mount != "" {
		if err := unix.Unmount(n.mount, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		os.Remove(n.mount)
	}
	if n.child != nil {
		n.child.Process.Kill()
		n.child.Wait()
	}
	if err := n.g.Close(); err != nil {
		t.Error(err)
	}
}

func inodeOf(t *testing.T, fd int) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// Write takes account of the events, and notes those with a namespace that is not
// theirs.
func (s *soak) Write(b *monitor.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b.Events {
		e := &b.Events[i]
		a := s.accounts[e.NetNS()]
		if a == nil {
			a = &account{series: s.series[s.names.Get(e.NetNS()).Inode], known: map[uint64]bool{}}
			s.accounts[e.NetNS()] = a
		}
		switch e.Kind {
		case monitor.KindNetNSBegin:
			a.begun++
		case monitor.KindNetNSEnd:
			a.ended++
		case monitor.KindNew, monitor.KindExisting:
			if !a.known[e.Gen] {
				a.known[e.Gen] = true
				a.born++
			}
		case monitor.KindDestroy:
			a.died++
			s.ends++
			if e.Inferred && e.Reason == monitor.ReasonNetNSEnd {
				a.inferred++
			}
		}
		known := s.names.Get(e.NetNS())
		// The series' addresses are 198.18.0.1 plus twice its number, and the next.
		if e.Kind.HasFlow() && (int(e.Flow.Orig.Src[15]-1)/2 != a.series || e.Flow.Path == monitor.PathUnknown) ||
			a.begun != 1 {
			s.wrong = append(s.wrong, fmt.Sprintf("%s of %s, %s, in namespace %d (%s), begun %d times", e.Kind,
				e.Flow.Orig.Src, e.Flow.Path, e.NetNS(), known.Name, a.begun))
		}
	}
	return nil
}

func (s *soak) Close() error { return nil }

func (s *soak) ended() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends
}

// check holds the accounts to what was made.
func (s *soak) check(t *testing.T, size churn) {
	t.Helper()
	for i, w := range s.wrong {
		if i == 5 {
			t.Errorf("and %d more", len(s.wrong)-i)
			break
		}
		t.Error(w)
	}
	if len(s.accounts) != size.made {
		t.Errorf("%d namespaces were accounts of, %d were made", len(s.accounts), size.made)
	}
	inferred := 0
	for id, a := range s.accounts {
		if a.begun != 1 || a.ended != 1 || a.born != 2*size.flows || a.died != 2*size.flows {
			t.Errorf("namespace %d: begun %d times, ended %d, %d flows born, %d died; want %d flows", id, a.begun, a.ended,
				a.born, a.died, 2*size.flows)
		}
		inferred += a.inferred
	}
	if inferred == 0 {
		t.Error("no flow ended with its namespace")
	}
}

// Close lets go of namespaces that are still there, and unblocks Next.
func TestEveryClose(t *testing.T) {
	for _, w := range ways {
		t.Run(w.way.String(), func(t *testing.T) {
			if w.way == Ring {
				needRing(t)
			}
			s := newSoak()
			alive := []*soaked{s.begin(t, 0, 64), s.begin(t, 1, 64)}
			before := takeStock().descriptors
			c, err := Open(Config{Dump: kernel.Dump, Way: w.way, All: &All{Names: s.names, Wanted: s.wanted}})
			if err != nil {
				t.Fatal(err)
			}
			ran := make(chan error, 1)
			go func() {
				m := &loop.Loop{Source: c, Table: table.New(table.Config{}), Sinks: []monitor.Sink{s}, Existing: loop.ExistingFirst}
				ran <- m.Run(t.Context())
			}()
			for _, n := range alive {
				if err := <-n.busy; err != nil { // its second half was made, and so it was reported
					t.Error(err)
				}
				n.busy <- nil
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ran; err == nil {
				t.Error("Next goes on after Close")
			}
			if n := takeStock().descriptors; n > before {
				t.Errorf("%d descriptors are open after Close, %d were before", n, before)
			}
			for _, n := range alive {
				n.end(t)
			}
		})
	}
}
