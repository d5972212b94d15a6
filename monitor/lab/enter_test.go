//go:build linux

package lab_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

// roleEnv makes the test program play a program that enters a lab.
const roleEnv = "NATLENS_LAB_TEST_ROLE"

func TestMain(m *testing.M) {
	if role, ok := os.LookupEnv(roleEnv); ok {
		os.Exit(play(role))
	}
	labtest.Main(m)
}

// play is main of the program; it starts without CAP_SYS_ADMIN.
func play(role string) int {
	if err := lab.Enter(); err != nil {
		fmt.Println(err)
		return 1
	}
	switch role {
	case "build":
		return playBuild()
	case "wait":
		return playWait()
	case "refuse":
		return playRefuse()
	}
	return 99
}

// playBuild shows that a lab can be had, and an exit code of its own.
func playBuild() int {
	l, err := lab.Build(context.Background(), lab.Config{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, err = l.TCPOnce(context.Background(), lab.TCP{To: lab.ServerHTTP, Bytes: 10})
	fmt.Println(
		"uid",
		os.Getuid(),
		"entered",
		netns.Entered,
		"initial",
		labtest.InitialUserNS(),
		"tcp",
		err,
		"close",
		l.Close(),
	)
	return 7
}

// playWait waits for a signal and says which it was.
func playWait() int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	fmt.Println("ready")
	fmt.Println(<-signals)
	return 3
}

// playRefuse forbids user namespaces inside this one, and starts a program
// that would need one.
func playRefuse() int {
	if labtest.InitialUserNS() {
		fmt.Println("this would change the host")
		return 1
	}
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		fmt.Println(err)
		return 1
	}
	out, err := withoutAdmin("build").CombinedOutput()
	fmt.Printf("%s%v\n", out, err)
	return 0
}

// withoutAdmin prepares the program for a role. start must run it: it drops
// CAP_SYS_ADMIN first, so that Enter has to re-execute even for root.
func withoutAdmin(role string) *program {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	// A session of its own: signals come from the test, not from a terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return &program{cmd}
}

type program struct{ *exec.Cmd }

func (p *program) start() error {
	started := make(chan error)
	go func() {
		// The bounding set is the thread's: it ends with the goroutine.
		runtime.LockOSThread()
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0); err != nil {
			started <- err
			return
		}
		started <- p.Start()
	}()
	return <-started
}

func (p *program) CombinedOutput() ([]byte, error) {
	var out strings.Builder
	p.Stdout, p.Stderr = &out, &out
	if err := p.start(); err != nil {
		return nil, err
	}
	err := p.Wait()
	return []byte(out.String()), err
}

func TestEnterBuildsALab(t *testing.T) {
	t.Parallel()
	out, err := withoutAdmin("build").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("ended with %v, want exit status 7", err)
	}
	if got, want := string(out), "uid 0 entered true initial false tcp <nil> close <nil>\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEnterForwardsSignals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			p, lines := startWaiting(t)
			if err := p.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(lines)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := string(rest), sig.String()+"\n"; got != want {
				t.Errorf("the program got %q, want %q", got, want)
			}
			var exit *exec.ExitError
			if err := p.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
				t.Errorf("ended with %v, want exit status 3", err)
			}
		})
	}
}

// TestEnterDiesWithParent kills the outer process: the pipe ends only when the
// inner one, which got SIGTERM, has ended as well.
func TestEnterDiesWithParent(t *testing.T) {
	t.Parallel()
	p, lines := startWaiting(t)
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(rest), "terminated\n"; got != want {
		t.Errorf("the program got %q, want %q", got, want)
	}
	_ = p.Wait() // killed, as we know
}

func startWaiting(t *testing.T) (*program, *bufio.Reader) {
	t.Helper()
	p := withoutAdmin("wait")
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Its session is its process group: the inner process is in it.
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
	})
	if err := out.(*os.File).SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("read %q, %v", line, err)
	}
	return p, lines
}

func TestEnterRefused(t *testing.T) {
	t.Parallel()
	out, err := withoutAdmin("refuse").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	golden.Words(t, "", string(out))
}

func TestInitialUserNS(t *testing.T) {
	t.Parallel()
	uidMap, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join(strings.Fields(string(uidMap)), " ") == "0 0 4294967295"
	if got := labtest.InitialUserNS(); got != want {
		t.Errorf("InitialUserNS is %v with the map %q", got, uidMap)
	}
}
