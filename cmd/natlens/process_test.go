//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// deadline is how long a test waits for what is sure to happen.
const deadline = 30 * time.Second

// beNatlens, in the environment, makes the test's program natlens itself.
const beNatlens = "NATLENS_TEST_BE_NATLENS"

func TestMain(m *testing.M) {
	if _, ok := os.LookupEnv(beNatlens); ok {
		main()
	}
	labtest.Main(m)
}

// natlens is the program with these arguments, not started yet.
func natlens(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), beNatlens+"=1")
	return cmd
}

// process is natlens in a process of its own.
type process struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	pipe   io.ReadCloser // the reading end that stdout reads from
	stderr clitest.Buffer
	ended  chan struct{} // closed after Wait
}

// start starts the program, in the gateway of the lab if there is one, and kills
// it when the test ends. If the test's program dies, it ends by itself: nobody
// reads its pipe any more.
func start(t *testing.T, l *lab.Lab, args ...string) *process {
	t.Helper()
	p := &process{cmd: natlens(args...), ended: make(chan struct{})}
	// A pipe of our own: Wait would close one of the command's.
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.pipe, p.stdout = read, bufio.NewReader(read)
	p.cmd.Stdout, p.cmd.Stderr = write, &p.stderr
	begin := p.cmd.Start
	if l != nil {
		begin = func() error { return l.Gateway.Do(p.cmd.Start) }
	}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	go func() { defer close(p.ended); p.cmd.Wait() }()
	t.Cleanup(func() { p.cmd.Process.Kill(); <-p.ended; read.Close() })
	return p
}

// line reads a line of standard output.
func (p *process) line(t *testing.T) string {
	t.Helper()
	timer := time.AfterFunc(deadline, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("standard output ends with %q: %v; standard error: %s", line, err, p.stderr.String())
	}
	return line
}

// rest reads standard output to its end.
func (p *process) rest(t *testing.T) string {
	t.Helper()
	timer := time.AfterFunc(deadline, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	all, err := io.ReadAll(p.stdout)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// wait waits for the end of the program and returns its exit code, -n if signal n
// ended it.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(deadline):
		t.Fatalf("natlens does not end; standard error: %s", p.stderr.String())
	}
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return -int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// listening waits until standard error says that events are being captured.
func (p *process) listening(t *testing.T) {
	t.Helper()
	labtest.WaitFor(t, "natlens to listen", func() bool { return strings.Contains(p.stderr.String(), "natlens: capture: ") })
}

// called is what a command line comes to in this process.
type called struct {
	stdout, stderr clitest.Buffer
	code           int
}

// call runs a command line in this process to its end, or to the deadline: one
// that should be refused may be a watch.
func call(ctx context.Context, con cli.Console, args ...string) *called {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	c := new(called)
	con.Stdin, con.Stdout, con.Stderr = strings.NewReader(""), &c.stdout, &c.stderr
	con.Getenv = func(string) string { return "" }
	c.code = run(ctx, con, args)
	return c
}

// onThread calls f on a thread of its own, which ends afterwards: what f does to
// the thread, and children inherit, stays there. It returns an error if f ends its
// goroutine, as t.Fatal and t.Skip do.
func onThread(f func() error) error {
	err := errors.New("the function ended its goroutine")
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked
		err = f()
	}()
	<-done
	return err
}

// childrenArePlain makes the programs that this thread starts plain ones, without
// capabilities though they be root, but for the one that root of a user namespace
// needs to make another (user_namespaces(7)).
func childrenArePlain() error {
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		if c == unix.CAP_SETFCAP {
			continue
		}
		// What exec(2) would give back to root (capabilities(7)).
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return nil
}
