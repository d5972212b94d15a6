//go:build linux

package annotate_test

import (
	"bufio"
	"cmp"
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

// roleEnv makes a process of a test a container's process: NAME serve ADDRESS, or
// NAME dial ADDRESS FROM COUNT HOLD. FROM is the address and port of the first connection.
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
		first, err := netip.ParseAddrPort(role[3])
		if err != nil {
			return err
		}
		count, _ := strconv.Atoi(role[4])
		long, _ := time.ParseDuration(role[5])
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if line != "go\n" {
			return err
		}
		return each(count, func(i int) error {
			at := netip.AddrPortFrom(first.Addr(), first.Port()+uint16(i))
			c, err := (&net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(at)}).Dial("tcp", role[2])
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

// cgroup makes the cgroup NAME.scope of a container, as systemd names it. It skips the test
// where none can be made.
func cgroup(t *testing.T, name string) *os.File {
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
	dir := filepath.Join(root, name+".scope")
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

// start starts a process in a namespace of the lab, and in a container unless group is nil.
func start(t *testing.T, at *lab.Namespace, group *os.File, id, role string) *member {
	t.Helper()
	m := &member{cmd: exec.Command("/proc/self/exe"), name: strings.Fields(role)[0]}
	m.cmd.Env = append(os.Environ(), roleEnv+"="+role)
	if group != nil {
		m.box = id[:12]
		m.cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	}
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

// owners keeps the last Local of each flow.
type owners struct {
	mu sync.Mutex
	of map[seenFlow]*monitor.Local // nil: it has none
}

// seenFlow is a flow as one namespace sees it.
type seenFlow struct {
	ns   monitor.NetNS // 0: only one is watched
	port uint16        // that it comes from
}

func (o *owners) Write(b *monitor.Batch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range b.Events {
		e := &b.Events[i]
		if !e.Kind.HasFlow() {
			continue // a namespace of another program began
		}
		k := seenFlow{e.NetNS(), e.Flow.Orig.SrcPort}
		o.of[k] = cmp.Or(e.Local, o.of[k])
	}
	return nil
}

func (*owners) Close() error { return nil }

func (o *owners) flows() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.of)
}

// watch runs natlens on a namespace until stop.
func watch(t *testing.T, at *lab.Namespace, filter monitor.Filter) (o *owners, stop func()) {
	return watchWith(t, live.Config{Capture: capture.Config{NetNS: at.FD()}, Filter: filter})
}

// watchWith runs natlens until stop.
func watchWith(t *testing.T, cfg live.Config) (o *owners, stop func()) {
	t.Helper()
	cfg.Process, cfg.Refused = true, func(err error) { t.Log(err) }
	run, err := live.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	o = &owners{of: map[seenFlow]*monitor.Local{}}
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

// dialRole is the role of a process that opens count connections, each from a port of its own.
func dialRole(name string, to, first netip.AddrPort, count int, hold time.Duration) string {
	return fmt.Sprintf("%s dial %s %s %d %s", name, to, first, count, hold)
}

// connections of three processes in two containers: two dial and one is dialled.
func connections(t *testing.T, count int, long time.Duration) (got, right, wrong int) {
	l := labtest.New(t)
	one, two := cgroup(t, "docker-"+idOne), cgroup(t, "docker-"+idTwo)
	server := netip.AddrPortFrom(lab.ServerIP, 7000)
	far, err := l.Server.ListenTCP(server)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	go hold(far)
	dial := func(name string, first uint16) string {
		return dialRole(name, server, netip.AddrPortFrom(lab.GatewayWAN, first), count, long)
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
	for flow, l := range o.of {
		who := map[uint16]*member{2: alpha, 3: beta, 4: gamma}[flow.port/10000]
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
	mostly(t, func(t *testing.T, long time.Duration) (got, right int) {
		got, right, _ = connections(t, 334, long)
		return got, right
	})
}

// mostly checks that at least 99 of 100 flows of 200 ms are right. On a busy machine natlens
// may be stopped for longer than that: then it tries longer ones.
func mostly(t *testing.T, f func(t *testing.T, long time.Duration) (got, right int)) {
	for long := 200 * time.Millisecond; ; long *= 2 {
		got, right := 0, 0
		t.Run(long.String(), func(t *testing.T) {
			got, right = f(t, long)
			t.Logf("%d flows, %d joined", got, right)
		})
		switch enough := right*100 >= got*99; {
		case enough || t.Failed():
			return
		case long > 3*time.Second:
			t.Fatalf("%d of %d flows were joined to their process", right, got)
		}
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
	one, two := cgroup(t, "docker-"+idOne), cgroup(t, "docker-"+idTwo)
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
		var l *monitor.Local
		labtest.WaitFor(t, "the flow", func() (seen bool) {
			l, seen = o.local(port)
			return seen
		})
		return l
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

func (o *owners) local(port uint16) (l *monitor.Local, seen bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l, seen = o.of[seenFlow{port: port}]
	return l, seen
}
