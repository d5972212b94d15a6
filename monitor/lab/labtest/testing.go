//go:build linux

package labtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
)

// Main is TestMain of a package whose tests use a lab: it calls [lab.Enter], runs the tests
// and exits. It does not return.
func Main(m *testing.M) {
	if err := lab.Enter(); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// New builds a lab with counters, timestamps, helpers and the kernel's own timeouts. It
// is closed when the test ends. Labs are independent: tests with a lab each may run in
// parallel.
func New(t testing.TB) *lab.Lab {
	t.Helper()
	return NewWith(t, lab.Config{Acct: true, Timestamp: true, Helpers: true})
}

// NewWith is New with a configuration.
func NewWith(t testing.TB, cfg lab.Config) *lab.Lab {
	t.Helper()
	l, err := lab.Build(t.Context(), cfg)
	if err != nil {
		t.Fatalf("build lab: %v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
	})
	return l
}

// InitialUserNS reports whether the process runs in the initial user namespace. BPF
// programs, forced socket buffers and nf_conntrack_max need that, and the capability.
func InitialUserNS() bool {
	// PROC_USER_INIT_INO of include/linux/proc_ns.h.
	const initial = "user:[4026531837]"
	link, err := os.Readlink("/proc/self/ns/user")
	return err == nil && link == initial
}

// deadline is how long WaitFor waits for what is sure to happen.
const deadline = 30 * time.Second

// WaitFor waits until the condition holds, and fails the test if it takes too long.
func WaitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Busy does something again and again until the test ends.
func Busy(t testing.TB, f func(ctx context.Context)) { t.Cleanup(repeat(t.Context(), f)) }

// repeat calls f again and again until stop is called, which waits for its end.
func repeat(ctx context.Context, f func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			f(ctx)
		}
	})
	return func() { cancel(); running.Wait() }
}

// Shell runs a command that natlens gave in the gateway. The test has the privilege
// there, and needs no sudo for it.
func Shell(t *testing.T, l *lab.Lab, command string) {
	t.Helper()
	command = strings.TrimPrefix(command, "sudo ")
	words := strings.Fields(command)
	if words[0] == "nsenter" { // nsenter --net=PATH PROGRAM
		Need(t, words[2])
	}
	In(t, l.Gateway, command)
}

// In runs a command of sh(1) in a namespace. The test is skipped if the command's first word is
// not installed, and fails if the command fails.
func In(t *testing.T, n *lab.Namespace, command string) {
	t.Helper()
	Need(t, strings.Fields(command)[0])
	if err := Run(t, n, "", "sh", "-c", command); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
}

// Run runs a program in a namespace. The error has its output.
func Run(t *testing.T, n *lab.Namespace, stdin, program string, args ...string) error {
	return n.Do(func() error {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	})
}

// Rules loads rules into the gateway: lines for nft(8), or a command of iptables. It skips the
// test if the kernel has no iptables-legacy.
func Rules(t *testing.T, l *lab.Lab, rules string) {
	t.Helper()
	if program, _, _ := strings.Cut(rules, " "); program == "iptables-legacy" || program == "iptables-nft" {
		Need(t, program)
		if err := Run(t, l.Gateway, "", "sh", "-c", rules); err != nil && program == "iptables-legacy" {
			Lack(t, program)
		} else if err != nil {
			t.Fatal(err)
		}
	} else if err := Run(t, l.Gateway, rules, Need(t, "nft"), "-f", "-"); err != nil {
		t.Fatal(err)
	}
}

// While calls act again and again until f returns. f fails the test if it takes too long.
func While(t testing.TB, act func(context.Context), f func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*deadline)
	defer cancel()
	stop := repeat(ctx, act)
	f(ctx)
	stop()
	if ctx.Err() != nil {
		t.Fatal("it did not end")
	}
}

// SetConntrack returns a function that sets net.netfilter.nf_conntrack_NAME in the
// gateway.
func SetConntrack(name, value string) func(*testing.T, *lab.Lab) {
	return func(t *testing.T, l *lab.Lab) {
		t.Helper()
		if err := l.Gateway.WriteSysctl("net.netfilter.nf_conntrack_"+name, value); err != nil {
			t.Fatal(err)
		}
	}
}

// FlushRules deletes all rules of the gateway: nothing is tracked afterwards.
func FlushRules(t *testing.T, l *lab.Lab) {
	t.Helper()
	if err := l.Gateway.NFT(func(c *nftables.Conn) error { c.FlushRuleset(); return nil }); err != nil {
		t.Fatal(err)
	}
}

// ForgetFlows deletes all flows of the gateway.
func ForgetFlows(t *testing.T, l *lab.Lab) {
	t.Helper()
	h, err := netlink.NewHandleAt(netns.NsHandle(l.Gateway.FD()), unix.NETLINK_NETFILTER)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
		t.Fatal(err)
	}
}

// FlowsUDP makes n flows of three events: NEW, UPDATE when it is answered, and in the
// end DESTROY.
func FlowsUDP(t *testing.T, l *lab.Lab, n int) {
	t.Helper()
	for range n {
		if _, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS}); err != nil {
			t.Fatal(err)
		}
	}
}
