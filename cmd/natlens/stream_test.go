//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// running is a command line that runs in this process, in a lab's gateway.
type running struct {
	stdout, stderr clitest.Buffer
	code           chan int
}

// begin runs a command line in the gateway and returns once it listens, by one way of
// capture.
func begin(t *testing.T, ctx context.Context, l *lab.Lab, con cli.Console, args ...string) *running {
	t.Helper()
	return beginAs(t, ctx, con, append(args, "--netns", l.Gateway.Path()))
}

func beginAs(t *testing.T, ctx context.Context, con cli.Console, args []string) *running {
	t.Helper()
	r := &running{code: make(chan int, 1)}
	con.Stdin, con.Stdout, con.Stderr = strings.NewReader(""), &r.stdout, &r.stderr
	con.Getenv = func(string) string { return "" }
	go func() { r.code <- run(ctx, con, args) }()
	labtest.WaitFor(t, "natlens to listen", func() bool { return strings.Contains(r.stderr.String(), "natlens: capture: ") })
	return r
}

// end waits for the exit code.
func (r *running) end(t *testing.T) int {
	t.Helper()
	select {
	case code := <-r.code:
		return code
	case <-time.After(deadline):
		t.Fatalf("natlens does not end; standard error: %s", r.stderr.String())
		return 0
	}
}

// The two lines on standard error of a run that went well.
var (
	captureLine = regexp.MustCompile(`^natlens: capture: (ring|socket) of \d[\d.]* [KM]iB(; (not the ring|natlens applies the filter): [^\n]+)?\n`)
	summaryLine = regexp.MustCompile(`^natlens: \d+ events, \d+ shown, 0 lost, \d[\d.]* k?B written in [\d.]+m?s\n$`)
)

// checkNotes expects these two lines.
func checkNotes(t *testing.T, stderr string) {
	t.Helper()
	if rest := captureLine.ReplaceAllString(stderr, ""); rest == stderr || !summaryLine.MatchString(rest) {
		t.Errorf("standard error: %q", stderr)
	}
}

// TestSignals ends runs that write to a pipe and to a file.
func TestSignals(t *testing.T) {
	l := labtest.New(t)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := start(t, l, "watch")
		path := filepath.Join(t.TempDir(), "flows.jsonl")
		q := start(t, l, "watch", "--output", path)
		p.listening(t)
		q.listening(t)
		labtest.FlowsUDP(t, l, 20)
		first := p.line(t)
		labtest.WaitFor(t, "lines in the file", func() bool { text, _ := os.ReadFile(path); return strings.Count(string(text), "\n") >= 40 })
		for _, x := range []*process{p, q} {
			if err := x.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
		all := first + p.rest(t)
		if code := p.wait(t); code != 0 {
			t.Errorf("%v: code %d", signal, code)
		}
		checkNotes(t, p.stderr.String())
		if n := len(clitest.Lines(t, all)); n != 40 {
			t.Errorf("%v: %d lines, want 40", signal, n)
		}
		if code := q.wait(t); code != 0 || q.rest(t) != "" {
			t.Errorf("%v: code %d", signal, code)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		checkNotes(t, q.stderr.String())
		if n := len(clitest.Lines(t, string(text))); n != 40 {
			t.Errorf("%v: %d lines in the file, want 40", signal, n)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
		}
	}
}

// TestHangup moves the file of watch --append away, as logrotate(8) does, and expects the events after SIGHUP in a
// new one. A run without a file goes on.
func TestHangup(t *testing.T) {
	caught := make(chan os.Signal, 1) // programs that nohup(1) started ignore it, and so would theirs
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
	l := labtest.New(t)
	path := filepath.Join(t.TempDir(), "flows.jsonl")
	if err := os.WriteFile(path, []byte("{\"old\":1}\n{\"cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, l, "watch", "-e", "new", "--output", path, "--append")
	q := start(t, l, "watch", "-e", "new")
	p.listening(t)
	q.listening(t)
	lines := func(path string, n int) {
		t.Helper()
		labtest.WaitFor(t, "lines in "+path, func() bool {
			text, _ := os.ReadFile(path)
			return len(clitest.Lines(t, string(text))) == n
		})
	}
	labtest.FlowsUDP(t, l, 2)
	lines(path, 3)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*process{p, q} {
		if err := x.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	labtest.WaitFor(t, "the note about SIGHUP", func() bool { return strings.Contains(q.stderr.String(), "SIGHUP: ") })
	labtest.WaitFor(t, "a new file", func() bool { // SIGHUP may come after the first of these events
		labtest.FlowsUDP(t, l, 1)
		_, err := os.Stat(path)
		return err == nil
	})
	for _, x := range []*process{p, q} {
		if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := x.wait(t); code != 0 {
			t.Errorf("code %d, %s", code, x.stderr.String())
		}
	}
	all, err := os.ReadFile(path + ".1")
	rest, restErr := os.ReadFile(path)
	if n := len(clitest.Lines(t, string(all)+string(rest))); err != nil || restErr != nil || n != 1+len(clitest.Lines(t, q.rest(t))) {
		t.Errorf("%d lines in the files: %v, %v", n, err, restErr)
	}
}

// TestSecondSignal has natlens stuck in a pipe that nobody empties: the first
// SIGINT can't end it in order, the second does at once.
func TestSecondSignal(t *testing.T) {
	p := startStuck(t, labtest.New(t))
	labtest.WaitFor(t, "the end after a second SIGINT", func() bool {
		select {
		case <-p.ended:
			return true
		default:
			p.cmd.Process.Signal(os.Interrupt)
			return false
		}
	})
	if code := p.wait(t); code != -int(syscall.SIGINT) {
		t.Errorf("code %d, want the end by SIGINT; standard error: %s", code, p.stderr.String())
	}
}

// startStuck starts natlens and has it write more than its pipe takes.
func startStuck(t *testing.T, l *lab.Lab) *process {
	t.Helper()
	p := start(t, l, "watch")
	size, err := unix.FcntlInt(p.pipe.(*os.File).Fd(), unix.F_SETPIPE_SZ, 4096)
	if err != nil {
		t.Fatal(err)
	}
	p.listening(t)
	labtest.FlowsUDP(t, l, size/200) // two lines each, of more than 200 bytes
	return p
}

// TestSignalsOfAnInstant has natlens as stuck: signals within an instant of the first
// one are the same, as timeout(1) sends them. What there is to write is written.
func TestSignalsOfAnInstant(t *testing.T) {
	l := labtest.New(t)
	for range 10 {
		p := startStuck(t, l)
		first := time.Now()
		for s := syscall.SIGINT; time.Since(first) < signalInstant/3; s = syscall.SIGTERM {
			if err := p.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			time.Sleep(signalInstant / 50) // they come one after the other
		}
		late := time.Since(first) >= signalInstant
		p.rest(t)
		code := p.wait(t)
		if late {
			continue // the machine is so busy that it was more than an instant
		}
		if code != 0 {
			t.Errorf("code %d, want an end in order; standard error: %s", code, p.stderr.String())
		}
		checkNotes(t, p.stderr.String())
		return
	}
	t.Fatal("the machine is too busy for two signals within an instant")
}

// TestClosedPipe closes the reading end of pipes, before events come and while
// they come: natlens ends quietly.
func TestClosedPipe(t *testing.T) {
	l := labtest.New(t)
	idle := start(t, l, "watch", "--capture", "socket")
	idle.listening(t)
	idle.pipe.Close()
	if code := idle.wait(t); code != 0 || captureLine.ReplaceAllString(idle.stderr.String(), "") != "" {
		t.Errorf("idle: code %d, standard error %q", code, idle.stderr.String())
	}

	ctx, cancel := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	defer traffic.Wait()
	defer cancel()
	traffic.Go(func() { l.Run(ctx, lab.Traffic{Rate: 500}) })
	for _, args := range [][]string{{"watch"}, {"watch", "-o", "pretty"}, {"watch", "--quiet", "-o", "csv"}, {"-E"}, {"watch", "--existing"}} {
		p := start(t, l, args...)
		p.line(t)
		p.pipe.Close()
		if code := p.wait(t); code != 0 || captureLine.ReplaceAllString(p.stderr.String(), "") != "" {
			t.Errorf("%q: code %d, standard error %q", args, code, p.stderr.String())
		}
	}
}

// TestFullDisk writes into a file system of 64 KiB, which is mounted for natlens
// alone: one clear line, and whole lines in the file.
func TestFullDisk(t *testing.T) {
	l := labtest.New(t)
	for _, format := range []string{"jsonl", "csv", "conntrack,timestamp", "pretty"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "flows")
		var stderr clitest.Buffer
		var text []byte
		var err error
		cmd := natlens("watch", "-o", format, "--output", path, "--netns", l.Gateway.Path())
		cmd.Stderr = &stderr
		done := make(chan struct{})
		go func() {
			defer close(done)
			err = onThread(func() error {
				if err := mountSmall(dir); err != nil {
					return err
				}
				if err := cmd.Start(); err != nil {
					return err
				}
				cmd.Wait() // the exit code is checked below
				text, err = os.ReadFile(path)
				return err
			})
		}()
		labtest.WaitFor(t, "natlens to listen", func() bool { return strings.Contains(stderr.String(), "natlens: capture: ") })
		labtest.WaitFor(t, "natlens to end", func() bool {
			labtest.FlowsUDP(t, l, 50)
			select {
			case <-done:
				return true
			default:
				return false
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		want := regexp.MustCompile(fmt.Sprintf(
			`^natlens: \d+ events, \d+ shown, 0 lost, \d.* kB written in .*\n`+
				`natlens: output file %s: no space left on device; it keeps whole lines up to byte %d\n$`, path, len(text)))
		if rest := captureLine.ReplaceAllString(stderr.String(), ""); !want.MatchString(rest) || cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: code %d, standard error\n%swant 1 and\n%s", format, cmd.ProcessState.ExitCode(), rest, want)
		}
		if n := len(text); n < 60<<10 || text[n-1] != '\n' {
			t.Errorf("%s: %d bytes in the file, the last line is %q", format, n, text[max(0, n-100):])
		}
		if format == "jsonl" {
			clitest.Lines(t, string(text))
		}
	}
}

// TestFullDevice writes to a standard output that takes nothing.
func TestFullDevice(t *testing.T) {
	l := labtest.New(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	cmd := natlens("watch", "--quiet")
	var stderr clitest.Buffer
	cmd.Stdout, cmd.Stderr = full, &stderr
	if err := l.Gateway.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	waitListening(t, t.Context(), l.Gateway, 1)
	labtest.FlowsUDP(t, l, 1)
	cmd.Wait()
	if golden.Words(t, "", stderr.String()); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("code %d", cmd.ProcessState.ExitCode())
	}
}

// mountSmall gives this thread a mount namespace, with a small file system at dir.
func mountSmall(dir string) error { return mountSize(dir, 64<<10) }

func mountSize(dir string, size int) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	return nil
}
