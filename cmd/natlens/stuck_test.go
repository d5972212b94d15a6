//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
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
	took := time.Since(began)
	if t.Logf("it ended after %s", took); took > stuckEnd {
		t.Error("that is too late")
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
	for _, args := range []string{"watch -o jsonl", "list -o jsonl",
		"watch -o jsonl --metrics 127.0.0.1:0 --history " + t.TempDir() + " --findings --findings-to udp://127.0.0.1:9"} {
		t.Run(strings.Join(strings.Fields(args)[:3], " "), func(t *testing.T) {
			g := snatGenerator(t)
			if strings.HasPrefix(args, "list") {
				generate(t, g, 10_000)
			}
			p := start(t, nil, append(strings.Fields(args), "--netns", g.Namespace().Path())...)
			if strings.HasPrefix(args, "watch") {
				p.listening(t)
				generate(t, g, 10_000)
			}
			pipeIsFull(t, p)
			if code := endsStuck(t, p); code != cli.ExitFailure || !strings.Contains(p.stderr.String(), "lines not handed over") {
				t.Errorf("code %d, %s", code, p.stderr.String())
			}
		})
	}
}

// pipeIsFull waits until the program has filled its pipe. How many bytes that are depends on the sizes of the writes.
func pipeIsFull(t *testing.T, p *process) {
	t.Helper()
	end, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", p.pipe.(*os.File).Fd()), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(end)
	labtest.WaitFor(t, "the pipe to be full", func() bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(end), Events: unix.POLLOUT}}, 0)
		return n == 0 && err == nil
	})
}

// SIGTERM ends the user interface on a terminal that takes no more.
func TestStuckTerminal(t *testing.T) {
	master, p := onPTY(t, "demo", "--theme", "dark")
	labtest.WaitFor(t, "the terminal to be full", func() bool {
		before, _ := unix.IoctlGetInt(int(master.Fd()), unix.TIOCINQ)
		time.Sleep(500 * time.Millisecond)
		after, _ := unix.IoctlGetInt(int(master.Fd()), unix.TIOCINQ)
		return after > 1000 && after == before
	})
	endsStuck(t, p)
}

// onPTY starts natlens on a terminal of 60 lines that is the test's.
func onPTY(t *testing.T, args ...string) (master *os.File, p *process) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, master.Fd(), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY)
	if errno != 0 {
		t.Skip(os.NewSyscallError("TIOCGPTPEER", errno))
	}
	slave := os.NewFile(fd, "pty")
	defer slave.Close()
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 60, Col: 250}); err != nil {
		t.Fatal(err)
	}
	p = &process{cmd: natlens(args...), ended: make(chan struct{})}
	p.cmd.Env = append(p.cmd.Env, "TERM=xterm-256color", "COLORFGBG=", "NO_COLOR=")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(p.ended); p.cmd.Wait() }()
	t.Cleanup(func() { p.cmd.Process.Kill(); <-p.ended })
	return master, p
}

// The user interface takes the answers of a slow terminal before it ends: else they
// would be typed into the shell.
func TestSlowAnswers(t *testing.T) {
	master, p := onPTY(t, "demo")
	var screen clitest.Buffer
	go func() { _, _ = io.Copy(&screen, master) }()
	const background, cursor = "\x1b]11;?", "\x1b[6n"
	labtest.WaitFor(t, "the questions", func() bool {
		return strings.Contains(screen.String(), background) && strings.Contains(screen.String(), cursor)
	})
	asked := time.Now()
	send := func(text string) {
		if _, err := io.WriteString(master, text); err != nil {
			t.Fatal(err)
		}
	}
	send("q")
	select {
	case <-p.ended:
		t.Fatal("it ended before the terminal had answered")
	case <-time.After(time.Second):
	}
	send("\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[1;1R")
	if code := p.wait(t); code != 0 {
		t.Errorf("code %d, %s", code, p.stderr.String())
	}
	if took := time.Since(asked); took > 1900*time.Millisecond {
		t.Logf("it ended after %s, perhaps without the answer", took)
	}
	const leave = "\x1b[?1049l"
	labtest.WaitFor(t, "the end of the screen", func() bool { return strings.Contains(screen.String(), leave) })
	if _, left, _ := strings.Cut(screen.String(), leave); strings.Contains(left, "rgb:") {
		t.Error("the answer was echoed behind the end")
	}
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
	labtest.WaitFor(t, "the history", func() bool {
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
				labtest.Busy(t, func(ctx context.Context) { // slowly, so that flows still come when there is room
					_, _ = g.Generate(ctx, labtest.GenConfig{Flows: 10_000, Rate: 10, Base: 1})
				})
			}
		}
	}
	if later := 300; seen+lost > flows+later { // some of the flows that came later may be left out too
		t.Errorf("%d events seen and %d left out, of %d", seen, lost, flows)
	}
}
