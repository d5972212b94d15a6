//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

// soakRate is how many flows begin in a second of TestServiceSoak.
const soakRate = 1000

// flowLedger is what files or a pipe contain about the generator's flows.
type flowLedger struct {
	begun, listed map[string]int // lines by flow: new, and existing
	lost          int            // counted by lost events
}

func newLedger() *flowLedger {
	return &flowLedger{begun: map[string]int{}, listed: map[string]int{}}
}

// read counts the lines of a file. A process that was killed leaves a partial line, or a compressed file without its end.
func (l *flowLedger) read(in io.Reader, packed bool) error {
	if packed {
		z, err := zstd.NewReader(in)
		if err != nil {
			return err
		}
		defer z.Close()
		in = z
	}
	for lines := bufio.NewReader(in); ; {
		line, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF), packed && errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
		var e struct {
			Event string
			Count int
			Orig  struct {
				Src          string
				SPort, DPort int
			}
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("%w: %s", err, line)
		}
		flow := fmt.Sprint(e.Orig.Src, e.Orig.SPort, e.Orig.DPort)
		switch e.Event {
		case "lost":
			l.lost += e.Count
		case "new":
			l.begun[flow]++
		case "existing":
			l.listed[flow]++
		}
	}
}

// known returns how many flows there are, as new or as existing.
func (l *flowLedger) known() int {
	n := len(l.begun)
	for flow := range l.listed {
		if l.begun[flow] == 0 {
			n++
		}
	}
	return n
}

// check expects each of the made flows once as new, or as existing after a restart, or as one that is counted.
func (l *flowLedger) check(t *testing.T, name string, made int, restarts bool) {
	t.Helper()
	twice, known := 0, l.known()
	for _, n := range l.begun {
		twice += n - 1
	}
	t.Logf("%s: %d flows made: %d as new, %d more as existing, %d counted as lost", name, made, len(l.begun),
		known-len(l.begun), l.lost)
	if twice > 0 || !restarts && len(l.listed) > 0 || known > made || known+l.lost < made || !restarts && known+l.lost != made {
		t.Errorf("%s: of %d flows %d are known and %d lost; %d lines too many", name, made, known, l.lost, twice)
	}
}

// readFiles reads what is in a directory that was the service's.
func readFiles(t *testing.T, pattern string) *flowLedger {
	t.Helper()
	l := newLedger()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.read(f, strings.HasSuffix(path, ".zst")); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		f.Close()
	}
	return l
}

// soaked is a service that TestServiceSoak disturbs until its end.
type soaked struct {
	name    string
	args    []string
	proc    *process
	dir     string
	restart int
}

func (s *soaked) run(t *testing.T) {
	s.proc = start(t, nil, s.args...)
	s.proc.listening(t)
}

// stop ends the process. Only kill -9 is not an end in order.
func (s *soaked) stop(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := s.proc.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if code := s.proc.wait(t); code != 0 && signal != syscall.SIGKILL {
		t.Errorf("%s: code %d, %s", s.name, code, s.proc.stderr.String())
	}
}

// turn disturbs the service in one of several ways, one after the other.
func (s *soaked) turn(t *testing.T, n int) {
	t.Helper()
	switch n % 4 {
	case 0, 2: // as logrotate(8)
		path := filepath.Join(s.dir, "x.jsonl")
		if _, err := os.Stat(path); err == nil {
			if err := os.Rename(path, fmt.Sprintf("%s.%d", path, n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.proc.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	case 1, 3:
		s.stop(t, []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}[n/2%2])
		s.restart++
		s.run(t)
	}
}

// TestServiceSoak disturbs services while flows begin: they are ended, killed and started again, rotate, get SIGHUP, have
// their file moved away or their disk full, and the reader of a pipe pauses. Each flow is in the files of a
// service once, or is counted as missing. The clock does not jump here, because all processes share it: see TestWeek in
// export. NATLENS_SOAK_SERVICE=5m is how long it takes.
func TestServiceSoak(t *testing.T) {
	caught := make(chan os.Signal, 1) // programs that nohup(1) started ignore it, and so would theirs
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
	span, _ := time.ParseDuration(os.Getenv("NATLENS_SOAK_SERVICE"))
	turns := max(6, int(span/(10*time.Second)))
	timeout := "30" // a service that starts again within it sees each flow in the table
	if span == 0 {
		span, timeout = 6*time.Second, "300"
	}
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{Sysctls: map[string]string{"udp_timeout": timeout}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	common := []string{"watch", "--netns", g.Namespace().Path(), "-o", "jsonl", "-e", "new"}
	args := func(more ...string) []string { return append(append([]string(nil), common...), more...) }
	dirs := [3]string{t.TempDir(), t.TempDir(), t.TempDir()}
	rotated := &soaked{name: "rotation", dir: dirs[0], args: args("--existing", "--output", filepath.Join(dirs[0], "x.jsonl.zst"),
		"--rotate", "64KiB", "--rotate", "2s")}
	appended := &soaked{name: "append", dir: dirs[1], args: args("--existing", "--append", "--output", filepath.Join(dirs[1], "x.jsonl"))}
	rotated.run(t)
	appended.run(t)
	full, notes, root := onDisk(t, dirs[2], 8<<20+int(span/time.Second)<<18, 8000, args("--output", filepath.Join(dirs[2], "x.jsonl.zst"), "--rotate", "64KiB")...)
	stuck := start(t, nil, args("--metrics", "127.0.0.1:0")...)
	stuck.listening(t)
	labtest.WaitFor(t, "natlens to listen", func() bool { return strings.Contains(notes.String(), "natlens: capture: ") })

	made := 0
	ctx, cancel := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	traffic.Go(func() {
		for base := 0; ctx.Err() == nil && base < 240; base++ { // each round has flows of its own
			m, _ := g.Generate(ctx, labtest.GenConfig{Flows: soakRate * 10, Rate: soakRate, Base: base})
			made += m.Flows
		}
	})
	reading := newReader(stuck)
	ballast := filepath.Join(root, dirs[2], "ballast")
	for n := range turns {
		began := time.Now()
		rotated.turn(t, n)
		appended.turn(t, n+1)
		reading.pause(n%4 < 2)
		if n%2 == 0 {
			err = os.Remove(ballast)
		} else {
			err = fillDisk(ballast)
		}
		if err = errors.Join(err, full.Process.Signal(syscall.SIGHUP)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(span/time.Duration(turns) - time.Since(began))
	}
	cancel()
	traffic.Wait()
	if turns%2 == 0 {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, g, &made, reading, notes)
	files, err := os.Open(filepath.Join(root, dirs[2])) // the directory ends with the mount namespace
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	labtest.WaitFor(t, "the flows that the last start found in the table", func() bool {
		a, b := readFiles(t, filepath.Join(dirs[0], "x-*.zst")), readFiles(t, filepath.Join(dirs[1], "x.jsonl*"))
		return a.known()+a.lost >= made && b.known()+b.lost >= made
	})
	for _, s := range []*soaked{rotated, appended} {
		s.stop(t, syscall.SIGTERM)
	}
	if err := full.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	full.Wait()
	stuck.cmd.Process.Signal(syscall.SIGTERM)
	stuck.wait(t)
	piped := reading.end(t)
	readFiles(t, filepath.Join(dirs[0], "x-*.zst")).check(t, fmt.Sprintf("rotation, %d restarts", rotated.restart), made, true)
	readFiles(t, filepath.Join(dirs[1], "x.jsonl*")).check(t, fmt.Sprintf("append, %d restarts", appended.restart), made, true)
	readFiles(t, fmt.Sprintf("/proc/self/fd/%d/x-*.zst", files.Fd())).check(t, "full disk", made, false)
	piped.check(t, "paused reader", made, false)
	unheard(t, notes.String(), stuck.stderr.String())
}

// finish makes more flows, slowly, until the disk and the pipe take them again.
func finish(t *testing.T, g *labtest.Generator, made *int, reading *pausedReader, notes *clitest.Buffer) {
	t.Helper()
	reading.pause(false)
	spaces := func() bool {
		return strings.Count(notes.String(), "until there is space") == strings.Count(notes.String(), "there is space again")
	}
	for base := 240; base < 254 && (base < 243 || !spaces()); base++ {
		m, err := g.Generate(t.Context(), labtest.GenConfig{Flows: 100, Rate: 100, Base: base})
		if err != nil {
			t.Fatal(err)
		}
		*made += m.Flows
	}
	if !spaces() {
		t.Errorf("the disk has space, but: %s", notes.String())
	}
}

// unheard expects that the kernel lost nothing that these services did not count themselves.
func unheard(t *testing.T, notes ...string) {
	t.Helper()
	for _, text := range notes {
		lost := regexp.MustCompile(`natlens: \d+ events, \d+ shown, (\d+) lost`).FindStringSubmatch(text)
		if lost == nil {
			t.Errorf("no summary: %s", text)
			continue
		}
		if n, _ := strconv.Atoi(lost[1]); n > 0 {
			t.Logf("the kernel lost %d events", n)
		}
	}
}

// fillDisk writes a file until the disk is full.
func fillDisk(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return err
}

// pausedReader reads the output of a process, and pauses at times.
type pausedReader struct {
	hold   sync.Mutex // held while it pauses
	reads  int        // begun since the beginning
	paused bool
	done   chan error
	got    *flowLedger
}

func newReader(p *process) *pausedReader {
	r := &pausedReader{done: make(chan error, 1), got: newLedger()}
	go func() { r.done <- r.got.read(gate{r, p.stdout}, false) }()
	return r
}

type gate struct {
	r  *pausedReader
	in io.Reader
}

func (g gate) Read(b []byte) (int, error) {
	g.r.hold.Lock()
	g.r.reads++
	g.r.hold.Unlock()
	return g.in.Read(b)
}

func (r *pausedReader) pause(still bool) {
	if still != r.paused {
		if r.paused = still; still {
			r.hold.Lock()
		} else {
			r.hold.Unlock()
		}
	}
}

func (r *pausedReader) end(t *testing.T) *flowLedger {
	t.Helper()
	r.pause(false)
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	return r.got
}
