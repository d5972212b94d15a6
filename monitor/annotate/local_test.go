//go:build linux

package annotate_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/live"
)

// roleEnv has a process of a test play a container's process: NAME dial|serve ADDRESS PORT COUNT HOLD.
const roleEnv = "NATLENS_ANNOTATE_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := play(strings.Fields(role)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	labtest.Main(m)
}

// play has the name of a process. It prints a line when it is ready, and ends with its input.
func play(role []string) error {
	if err := os.WriteFile("/proc/self/comm", []byte(role[0]), 0); err != nil {
		return err
	}
	if role[1] == "serve" {
		l, err := net.Listen("tcp", role[2])
		if err != nil {
			return err
		}
		go hold(l)
	}
	fmt.Println("ready")
	if role[1] == "dial" {
		first, _ := strconv.Atoi(role[3])
		count, _ := strconv.Atoi(role[4])
		long, _ := time.ParseDuration(role[5])
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if line != "go\n" {
			return err
		}
		return each(count, func(i int) error {
			at := &net.TCPAddr{IP: net.ParseIP(lab.GatewayWAN.String()), Port: first + i}
			c, err := (&net.Dialer{LocalAddr: at}).Dial("tcp", role[2])
			if err != nil {
				return err
			}
			time.Sleep(long)
			return c.Close()
		})
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// each calls f for the numbers below n, some at a time.
func each(n int, f func(i int) error) error {
	var running sync.WaitGroup
	errs := make(chan error, n)
	next := make(chan int)
	for range 20 {
		running.Go(func() {
			for i := range next {
				errs <- f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	running.Wait()
	for range n {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// hold accepts connections, and closes each when its peer does.
func hold(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}()
	}
}

// cgroup makes the cgroup of a container below that of the test. It skips the test where
// none can be made.
func cgroup(t *testing.T, id string) *os.File {
	t.Helper()
	root := ""
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); strings.Contains(line, " - cgroup2 ") {
			root = f[4]
		}
	}
	dir := filepath.Join(root, "docker-"+id+".scope")
	if root == "" || os.Mkdir(dir, 0o755) != nil {
		t.Skip("no cgroup can be made here")
	}
	t.Cleanup(func() {
		labtest.WaitFor(t, "the end of the container", func() bool { return os.Remove(dir) == nil })
	})
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// member is a running process of a container.
type member struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	pid   uint32
	name  string
	box   string // twelve digits
}

// start starts a process in a container and in a namespace of the lab.
func start(t *testing.T, at *lab.Namespace, group *os.File, id, role string) *member {
	t.Helper()
	m := &member{cmd: exec.Command("/proc/self/exe"), name: strings.Fields(role)[0], box: id[:12]}
	m.cmd.Env = append(os.Environ(), roleEnv+"="+role)
	m.cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	var err error
	if m.stdin, err = m.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := at.Do(m.cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.stdin.Close()
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%s: %q %v", role, line, err)
	}
	m.pid = uint32(m.cmd.Process.Pid)
	return m
}

// owners keeps the best Local of each flow, by the port that the flow comes from.
type owners struct {
	mu   sync.Mutex
	of   map[uint16]*monitor.Local
	seen map[uint16]bool
}

func (o *owners) Write(b *monitor.Batch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range b.Events {
		e := &b.Events[i]
		o.seen[e.Flow.Orig.SrcPort] = true
		if e.Local != nil {
			o.of[e.Flow.Orig.SrcPort] = e.Local
		}
	}
	return nil
}

func (*owners) Close() error { return nil }

func (o *owners) flows() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.seen)
}

// watch runs natlens on a namespace until stop.
func watch(t *testing.T, at *lab.Namespace, filter monitor.Filter) (o *owners, stop func()) {
	t.Helper()
	run, err := live.Open(live.Config{Capture: capture.Config{NetNS: at.FD()}, Process: true, Filter: filter,
		Refused: func(err error) { t.Log(err) }})
	if err != nil {
		t.Fatal(err)
	}
	o = &owners{of: map[uint16]*monitor.Local{}, seen: map[uint16]bool{}}
	run.Sink(o, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := run.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := run.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return o, stop
}

const (
	idOne = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	idTwo = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
)

// connections of three processes in two containers: two dial and one is dialled.
func connections(t *testing.T, count int, long time.Duration) (got, right, wrong int) {
	l := labtest.New(t)
	one, two := cgroup(t, idOne), cgroup(t, idTwo)
	server := netip.AddrPortFrom(lab.ServerIP, 7000)
	far, err := l.Server.ListenTCP(server)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	go hold(far)
	dial := func(name string, first int) string {
		return fmt.Sprintf("%s dial %s %d %d %s", name, server, first, count, long)
	}
	near := netip.AddrPortFrom(lab.GatewayLAN, 7001)
	alpha := start(t, l.Gateway, one, idOne, dial("alpha", 20000))
	beta := start(t, l.Gateway, two, idTwo, dial("beta", 30000))
	gamma := start(t, l.Gateway, two, idTwo, "gamma serve "+near.String())
	o, stop := watch(t, l.Gateway, func(e *monitor.Event) bool {
		p := e.Flow.Orig.DstPort
		return p == server.Port() || p == near.Port()
	})
	for _, m := range []*member{alpha, beta} {
		if _, err := io.WriteString(m.stdin, "go\n"); err != nil {
			t.Fatal(err)
		}
	}
	err = each(count, func(i int) error {
		from := netip.AddrPortFrom(lab.ClientIP, uint16(40000+i))
		c, err := l.Client.DialTCP(t.Context(), from, near)
		if err != nil {
			return err
		}
		time.Sleep(long)
		return c.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*member{alpha, beta} {
		if err := m.cmd.Wait(); err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
	}
	labtest.WaitFor(t, "every flow", func() bool { return o.flows() >= 3*count })
	stop()
	for port := range o.seen {
		who := map[uint16]*member{2: alpha, 3: beta, 4: gamma}[port/10000]
		l := o.of[port]
		switch {
		case l == nil:
		case l.Container != who.box, l.PID != 0 && (l.PID != who.pid || l.Process != who.name):
			wrong++
			t.Errorf("a flow of %s (process %d in %s) has %+v", who.name, who.pid, who.box, *l)
		case l.PID != 0:
			right++
		}
		got++
	}
	return got, right, wrong
}

// Three processes in two containers have 1,000 connections of 200 ms. At least 99 of 100
// are joined to their process and container, and none to another.
func TestProcessesOfConnections(t *testing.T) {
	got, right, wrong := connections(t, 334, 200*time.Millisecond)
	t.Logf("%d flows, %d joined, %d wrong", got, right, wrong)
	if right*100 < got*99 {
		t.Errorf("%d of %d flows were joined to their process", right, got)
	}
}

// Connections of 5 ms may be over before they are looked up. None is joined to another
// process.
func TestProcessesOfShortConnections(t *testing.T) {
	got, right, wrong := connections(t, 334, 5*time.Millisecond)
	t.Logf("%d flows, %d joined (%d %%), %d wrong", got, right, 100*right/got, wrong)
}

// Forwarded flows belong to the containers whose addresses they come from.
func TestContainersByAddress(t *testing.T) {
	l := labtest.New(t)
	one, two := cgroup(t, idOne), cgroup(t, idTwo)
	server := netip.AddrPortFrom(lab.ServerIP, 7000)
	far, err := l.Server.ListenTCP(server)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	go hold(far)
	start(t, l.Client, one, idOne, "alpha serve 127.0.0.1:1")
	start(t, l.Client2, two, idTwo, "beta serve 127.0.0.1:1")
	o, stop := watch(t, l.Gateway, func(e *monitor.Event) bool { return e.Flow.Orig.DstPort == server.Port() })
	port := uint16(50000)
	dial := func(at *lab.Namespace, from netip.Addr) *monitor.Local {
		port++
		c, err := at.DialTCP(t.Context(), netip.AddrPortFrom(from, port), server)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		labtest.WaitFor(t, "the flow", func() bool { return o.has(port) })
		return o.local(port)
	}
	for at, from := range map[*lab.Namespace]netip.Addr{l.Client: lab.ClientIP, l.Client2: lab.Client2IP} {
		want := monitor.Local{Container: map[*lab.Namespace]string{l.Client: idOne, l.Client2: idTwo}[at][:12],
			Match: monitor.MatchAddress}
		// The container is found by a scan of the processes.
		labtest.WaitFor(t, "the container", func() bool { return dial(at, from) != nil })
		if got := dial(at, from); *got != want {
			t.Errorf("a flow of %s: %+v, want %+v", from, *got, want)
		}
	}
	stop()
}

func (o *owners) has(port uint16) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[port]
}

func (o *owners) local(port uint16) *monitor.Local {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.of[port]
}
