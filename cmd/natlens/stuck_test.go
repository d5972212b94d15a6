//go:build linux

package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab/labtest"
)

// stuckEnd is how long a program may take to end if nobody reads its output.
const stuckEnd = 10 * time.Second

// endsStuck ends a program of which nobody reads the output.
func endsStuck(t *testing.T, p *process) (code int) {
	t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	code = p.wait(t)
	if took := time.Since(began); took > stuckEnd {
		t.Errorf("it ended after %s", took)
	}
	return code
}

func snatGenerator(t *testing.T) *labtest.Generator {
	t.Helper()
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{SNAT: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func generate(t *testing.T, g *labtest.Generator, flows int) {
	t.Helper()
	if _, err := g.Generate(t.Context(), labtest.GenConfig{Flows: flows}); err != nil {
		t.Fatal(err)
	}
}

// SIGTERM ends watch and list whose reader does not read.
func TestStuckReader(t *testing.T) {
	g := snatGenerator(t)
	for _, args := range []string{"watch -o jsonl", "list -o jsonl"} {
		t.Run(args, func(t *testing.T) {
			p := start(t, nil, append(strings.Fields(args), "--netns", g.Namespace().Path())...)
			if strings.HasPrefix(args, "watch") {
				p.listening(t)
				generate(t, g, 10_000)
			}
			pipeIsFull(t, p)
			if code := endsStuck(t, p); code != cli.ExitFailure || !strings.Contains(p.stderr.String(), cli.ErrUnread.Error()) {
				t.Errorf("code %d, %s", code, p.stderr.String())
			}
		})
	}
}

// pipeIsFull waits until the program has filled its pipe.
func pipeIsFull(t *testing.T, p *process) {
	t.Helper()
	pipe := p.pipe.(*os.File)
	size, err := unix.FcntlInt(pipe.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the pipe to be full", func() bool {
		n, err := unix.IoctlGetInt(int(pipe.Fd()), unix.TIOCINQ)
		return err == nil && n > size-4096
	})
}

// SIGTERM ends the user interface on a terminal that takes no more.
func TestStuckTerminal(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	fd, err := ptyPeer(int(master.Fd()))
	if err != nil {
		t.Skip(err)
	}
	slave := os.NewFile(uintptr(fd), "pty")
	defer slave.Close()
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 60, Col: 250}); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: natlens("demo", "--theme", "dark"), ended: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(p.ended); p.cmd.Wait() }()
	t.Cleanup(func() { p.cmd.Process.Kill(); <-p.ended })
	waitFor(t, "the terminal to be full", func() bool {
		before, _ := unix.IoctlGetInt(int(master.Fd()), unix.TIOCINQ)
		time.Sleep(500 * time.Millisecond)
		after, _ := unix.IoctlGetInt(int(master.Fd()), unix.TIOCINQ)
		return after > 1000 && after == before
	})
	endsStuck(t, p)
}

func ptyPeer(master int) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY)
	if errno != 0 {
		return 0, os.NewSyscallError("TIOCGPTPEER", errno)
	}
	return int(fd), nil
}

// A history gets every translation while nobody reads the lines beside it. A reader that
// comes later gets the count of the events that it missed, in their place.
func TestHistoryDoesNotWait(t *testing.T) {
	const flows = 10_200
	g := snatGenerator(t)
	dir := t.TempDir()
	p := start(t, nil, "watch", "--netns", g.Namespace().Path(), "--history", dir, "-o", "jsonl", "-e", "new,update,destroy")
	p.listening(t)
	generate(t, g, flows)
	waitFor(t, "the history", func() bool {
		c := call(t.Context(), cli.Console{}, "who", "198.18.1.1", "--history", dir, "-o", "jsonl")
		return strings.Count(c.stdout.String(), `"inside"`) == flows
	})
	seen, lost := 0, 0
	for lost == 0 || seen+lost < flows {
		var e struct {
			Event string
			Count int
			Orig  struct{ Src string }
		}
		if err := json.Unmarshal([]byte(p.line(t)), &e); err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Event == "lost":
			lost += e.Count
		case e.Event == "new" && e.Orig.Src == "198.18.0.1":
			if seen++; seen == 100 { // there is room: the loss comes before the next event
				busy(t, func(ctx context.Context) { _, _ = g.Generate(ctx, labtest.GenConfig{Flows: 1, Base: 1}) })
			}
		}
	}
	if seen+lost != flows {
		t.Errorf("%d events seen and %d left out, of %d", seen, lost, flows)
	}
}
