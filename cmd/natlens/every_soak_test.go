//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"natlens/monitor/lab/labtest"
)

// everyChurn is how many namespaces come and go under natlens watch --netns all: so
// many in all, a new one every so often, each of which stays for a while.
type everyChurn struct {
	made  int
	pace  time.Duration
	stays time.Duration
}

// TestEveryNamespaceSoak has namespaces with traffic come and go under the program
// itself: each event has the right namespace's name, each flow that was seen ends,
// and natlens holds no more than before. Memory does not grow from the middle of the
// run to its end, but for what a garbage collector has not got to yet.
// NATLENS_SOAK_NETNS=1 asks for ten a second for half a minute, beside fifty.
func TestEveryNamespaceSoak(t *testing.T) {
	size := everyChurn{made: 12, pace: 20 * time.Millisecond, stays: 100 * time.Millisecond}
	if os.Getenv("NATLENS_SOAK_NETNS") != "" {
		size = everyChurn{made: 350, pace: 100 * time.Millisecond, stays: 5 * time.Second}
	}
	p := start(t, nil, "watch", "--netns", "all", "-o", "jsonl", "udp", "net", "198.18.0.0/15")
	p.listening(t)
	l := &nsLedger{seen: map[string]*nsAccount{}}
	read := make(chan error, 1)
	go func() { read <- l.read(p) }()
	before := holdings(t, p)

	var all sync.WaitGroup
	ours := make([]string, size.made)
	var middle int
	for i := range size.made {
		if i == size.made/2 {
			middle = resident(t, p)
		}
		all.Go(func() { ours[i] = l.live(t, i, size.stays) })
		time.Sleep(size.pace)
	}
	all.Wait()
	labtest.WaitFor(t, "all of them to end", func() bool { return l.ended(ours) })
	others := l.others(ours)
	labtest.WaitFor(t, "everything to be given back", func() bool {
		now := holdings(t, p)
		// Each namespace of others that is there now takes up to five descriptors. The
		// runtime keeps some threads; not one for each namespace.
		return now["fd"] <= before["fd"]+5*max(others, 0) && now["task"] <= before["task"]+size.made/2
	})
	end := resident(t, p)
	t.Logf("%d namespaces; natlens holds %v, before %v; memory %d kB in the middle, %d kB at the end", size.made, holdings(t, p), before, middle, end)
	if end > middle+everyGrowth {
		t.Errorf("memory: %d kB in the middle, %d kB at the end, which is more than %d kB more", middle, end, everyGrowth)
	}
	p.cmd.Process.Signal(os.Interrupt)
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d, %s", code, p.stderr.String())
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
	for i, name := range ours {
		l.Check(t, i, name)
	}
}

// everyFlows is how many flows each namespace has.
const everyFlows = 64

// everyGrowth is how much more memory natlens may hold at the end of a run than in
// its middle, in kB: of the soak's 175 namespaces in between not 94 kB each.
const everyGrowth = 16 << 10

// nsAccount is what was seen of a namespace.
type nsAccount struct {
	begun, ended, born, died int
	sources                  map[string]bool
}

// nsLedger is what natlens printed, by the names of namespaces.
type nsLedger struct {
	mu   sync.Mutex
	seen map[string]*nsAccount
}

// read reads the program's lines to their end.
func (l *nsLedger) read(p *process) error {
	lines := json.NewDecoder(p.stdout)
	for lines.More() {
		var e struct {
			Event, NetNS string
			Orig         struct{ Src string }
		}
		if err := lines.Decode(&e); err != nil {
			return err
		}
		l.mu.Lock()
		a := l.seen[e.NetNS]
		if a == nil {
			a = &nsAccount{sources: map[string]bool{}}
			l.seen[e.NetNS] = a
		}
		switch e.Event {
		case "netns_begin":
			a.begun++
		case "netns_end":
			a.ended++
		case "new", "existing":
			a.born++
			a.sources[e.Orig.Src] = true
		case "destroy":
			a.died++
			a.sources[e.Orig.Src] = true
		}
		l.mu.Unlock()
	}
	return nil
}

func (l *nsLedger) of(name string) (a nsAccount) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seen := l.seen[name]; seen != nil {
		a = *seen
	}
	return a
}

// live makes the i-th namespace with its flows, waits until they were seen, and
// takes it away after a while. It returns the namespace's name.
func (l *nsLedger) live(t *testing.T, i int, stays time.Duration) (name string) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Error(err)
		return ""
	}
	defer g.Close()
	sleeper := exec.Command("sleep", "600")
	if err := g.Namespace().Do(sleeper.Start); err != nil {
		t.Error(err)
		return ""
	}
	defer func() { sleeper.Process.Kill(); sleeper.Wait() }()
	name = fmt.Sprintf("pid:%d", sleeper.Process.Pid)
	leaves := time.Now().Add(stays)
	if _, err := g.Generate(t.Context(), labtest.GenConfig{Flows: everyFlows, Base: i % 250}); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(deadline); l.of(name).born < everyFlows; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%s: waited in vain for its flows: %+v", name, l.of(name))
			break
		}
	}
	time.Sleep(time.Until(leaves))
	return name
}

func (l *nsLedger) ended(names []string) bool {
	for _, name := range names {
		if l.of(name).ended == 0 {
			return false
		}
	}
	return true
}

// others returns how many more namespaces there are now that are not ours.
func (l *nsLedger) others(ours []string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.seen {
		n += a.begun - a.ended
	}
	for _, name := range ours {
		if a := l.seen[name]; a != nil {
			n -= a.begun - a.ended
		}
	}
	return n
}

// Check compares what was seen of a namespace with what was in it.
func (l *nsLedger) Check(t *testing.T, i int, name string) {
	t.Helper()
	a := l.of(name)
	from := fmt.Sprintf("198.18.0.%d", 1+i%250)
	if a.begun != 1 || a.ended != 1 || a.born != everyFlows || a.died != everyFlows || len(a.sources) != 1 || !a.sources[from] {
		t.Errorf("%s, from %s: %+v", name, from, a)
	}
}

// resident is the memory of a process, in kB.
func resident(t *testing.T, p *process) (kB int) {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nVmRSS:")
	if _, err := fmt.Sscanf(rest, "%d kB", &kB); err != nil {
		t.Fatalf("VmRSS of %.40q: %v", rest, err)
	}
	return kB
}

// holdings counts a process's descriptors and threads.
func holdings(t *testing.T, p *process) map[string]int {
	t.Helper()
	held := map[string]int{}
	for _, what := range []string{"fd", "task"} {
		names, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), what))
		if err != nil {
			t.Fatal(err)
		}
		held[what] = len(names)
	}
	return held
}
