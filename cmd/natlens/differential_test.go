//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// comparison is one command line that both programs get.
type comparison struct {
	args         []string
	names        labelNames
	events       int // how many to expect, at least; 0: of each flow its end
	theirs, ours clitest.Buffer
}

// The flags that conntrack -E and natlens -E are compared with, all over the
// same traffic: every modifier of -o, and filters of every kind.
var comparisons = []string{
	"",
	"-o id", "-o timestamp", "-o ktimestamp", "-o extended", "-o labels", "-o xml",
	"-o id,extended,ktimestamp,labels", "-o xml,id,ktimestamp,timestamp,labels,extended", "-o save", "-o save -p tcp",
	"-p tcp --orig-port-dst 443", "-p tcp --dport 80 -o extended", "-p udp", "-p icmp", "-p icmpv6 -f ipv6", "-p sctp", "-p gre",
	"-p udplite", "-p 253", "-f ipv6", "-f ipv4",
	"-n", "-g", "-j", "-n 203.0.113.1", "-g 192.168.77.2:80",
	"-s 192.168.77.2", "-s 192.168.77.0/24", "-d 203.0.113.9", "-r 203.0.113.9", "-q 203.0.113.1",
	"-p tcp --sport 4444", "-p tcp --reply-port-src 443", "-p tcp --reply-port-dst 4444",
	"-p tcp --state ESTABLISHED", "-p icmp --icmp-type 8", "-m 7", "-m 0x4/0xc", "-w 5", "--orig-zone 5",
	"-e NEW", "-e UPDATES", "-e DESTROY", "-e NEW,DESTROY -p tcp",
	"-E -p tcp", "--event -p udp",
}

// TestSameBytesAsConntrack runs conntrack -E and natlens -E side by side in the
// lab's gateway, while flows of every kind are made and destroyed in it.
func TestSameBytesAsConntrack(t *testing.T) {
	needConntrack(t)
	l := labtest.NewWith(t, lab.Config{Acct: true, Timestamp: true, Helpers: true, Sysctls: briefLives})
	addVariety(t, l)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()

	all := make([]*comparison, len(comparisons))
	var running sync.WaitGroup
	for i, text := range comparisons {
		c := &comparison{args: strings.Fields(text)}
		all[i] = c
		stop := c.start(t, ctx, l.Gateway, &running)
		defer stop()
	}
	waitListening(t, ctx, l.Gateway, 2*len(all))
	everyTraffic(t, ctx, l)
	waitEmpty(t, ctx, l)
	for _, c := range all {
		c.compare(t, ctx)
	}
	cancel()
	running.Wait()
}

// addVariety gives some flows a mark, a label or a zone.
func addVariety(t *testing.T, l *lab.Lab) {
	t.Helper()
	for _, r := range []struct {
		table, chain string
		parts        []lab.Part
	}{
		{"filter", "mangle_prerouting", []lab.Part{lab.Proto(unix.IPPROTO_UDP), labtest.SetMark(7)}},
		{"filter", "mangle_prerouting", []lab.Part{lab.Proto(unix.IPPROTO_TCP), lab.Dport(80), labtest.SetMark(5)}},
		{"filter", "mangle_prerouting", []lab.Part{lab.Proto(unix.IPPROTO_TCP), lab.Dport(80), labtest.SetLabel(3)}},
		{"filter", "raw_prerouting", []lab.Part{labtest.Saddr(lab.Client2IP), lab.Proto(unix.IPPROTO_ICMP), labtest.SetZone(5)}},
	} {
		if err := labtest.AddRule(l, nftables.TableFamilyIPv4, r.table, r.chain, r.parts...); err != nil {
			t.Fatal(err)
		}
	}
}

// everyTraffic makes one flow of every kind that the lab has.
func everyTraffic(t *testing.T, ctx context.Context, l *lab.Lab) {
	t.Helper()
	tcp := func(x lab.TCP) func() error {
		return func() error { _, err := l.TCPOnce(ctx, x); return err }
	}
	udp := func(x lab.UDP) func() error {
		return func() error { _, err := l.UDPOnce(ctx, x); return err }
	}
	acts := []struct {
		name string
		do   func() error
		ipv6 bool
	}{
		{"https", tcp(lab.TCP{To: lab.ServerHTTPS, Bytes: 1000}), false},
		{"http", tcp(lab.TCP{To: lab.ServerHTTP, Bytes: 1000}), false},
		{"abort", tcp(lab.TCP{To: lab.ServerHTTP, Bytes: 10, Abort: true}), false},
		{"clash 1", tcp(lab.TCP{Local: netip.AddrPortFrom(lab.ClientIP, 4444), To: lab.ServerSSH, Bytes: 10}), false},
		{"clash 2", tcp(lab.TCP{From: l.Client2, Local: netip.AddrPortFrom(lab.Client2IP, 4444), To: lab.ServerSSH, Bytes: 10}), false},
		{"dnat", tcp(lab.TCP{From: l.Server, To: lab.PublishedHTTP, Bytes: 10}), false},
		{"redirect", tcp(lab.TCP{To: lab.Redirected, Bytes: 10}), false},
		{"loopback redirect", tcp(lab.TCP{From: l.Gateway, To: lab.RedirectedLoopback, Bytes: 10}), false},
		{"syn", func() error { _, err := l.SYNOnce(ctx, lab.TCP{}); return err }, false},
		{"tcp6", tcp(lab.TCP{To: lab.ServerHTTPS6, Bytes: 10}), true},
		{"dns", udp(lab.UDP{To: lab.ServerDNS}), false},
		{"dns6", udp(lab.UDP{To: lab.ServerDNS6}), true},
		{"udplite", func() error { _, err := l.UDPLiteOnce(ctx, lab.UDP{To: lab.ServerDNS}); return err }, false},
		{"ping", func() error { return l.PingOnce(ctx, lab.Ping{To: lab.ServerIP, ID: 77}) }, false},
		{"ping in a zone", func() error {
			return l.PingOnce(ctx, lab.Ping{From: l.Client2, To: lab.ServerIP, ID: 78, NoReply: true})
		}, false},
		{"ping6", func() error { return l.PingOnce(ctx, lab.Ping{To: lab.ServerIP6, ID: 79}) }, true},
		{"sctp", func() error { _, err := l.SCTPOnce(ctx, lab.SCTP{To: netip.AddrPortFrom(lab.ServerIP, 0)}); return err }, false},
		{"gre", func() error { return l.GREOnce(ctx, lab.GRE{Raw: lab.Raw{To: lab.ServerIP}}) }, false},
		{"pptp's gre", func() error { return l.GREOnce(ctx, lab.GRE{Raw: lab.Raw{To: lab.ServerIP}, CallID: 99}) }, false},
		{"253", func() error { return l.RawOnce(ctx, lab.Raw{To: lab.ServerIP}) }, false},
		{"ftp", func() error { _, err := l.FTPOnce(ctx, lab.FTP{Bytes: 1000}); return err }, false},
		{"passive ftp", func() error { _, err := l.FTPOnce(ctx, lab.FTP{Bytes: 1000, Passive: true}); return err }, false},
	}
	for _, a := range acts {
		if a.ipv6 && !l.IPv6 {
			continue
		}
		if err := a.do(); err != nil {
			t.Fatalf("%s: %v", a.name, err)
		}
	}
}

// start starts both programs in a namespace; stop ends conntrack.
func (c *comparison) start(t *testing.T, ctx context.Context, ns *lab.Namespace, running *sync.WaitGroup) (stop func()) {
	t.Helper()
	args := c.args
	if len(args) == 0 || args[0] != "-E" && args[0] != "--event" {
		args = append([]string{"-E"}, args...)
	}
	cmd := c.names.Command(args...)
	cmd.Stdout = &c.theirs
	startWithin(t, ns, cmd)
	running.Go(func() {
		con := cli.Console{Stdout: &c.ours, Stderr: os.Stderr, Getenv: func(string) string { return "" }, LabelFile: c.names.path}
		if code := run(ctx, con, append(args[:len(args):len(args)], "--netns", ns.Path())); code != 0 {
			t.Errorf("natlens %q: exit code %d", args, code)
		}
	})
	return func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	}
}

// compare waits until both outputs are complete and equal, and reports the first
// line in which they differ if that does not come about.
func (c *comparison) compare(t *testing.T, ctx context.Context) {
	t.Helper()
	for {
		theirs, ours := c.normal(c.theirs.String()), c.normal(c.ours.String())
		if theirs == ours && c.Complete(theirs) {
			return
		}
		select {
		case <-ctx.Done():
			t.Errorf("%q: %s", c.args, firstDifference(theirs, ours))
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Complete reports whether every flow of the output has ended in it.
func (c *comparison) Complete(out string) bool {
	if c.events > 0 {
		return strings.Count(out, "portid=")+strings.Count(out, "</flow>") >= c.events
	}
	if strings.Contains(strings.Join(c.args, " "), "--orig-zone") {
		return out == "" // the zone of both directions is not the zone of one
	}
	if out == "" {
		return false
	}
	created := strings.Count(out, "[NEW]") + strings.Count(out, `type="new"`) + strings.Count(out, "-A -t")
	ended := strings.Count(out, "[DESTROY]") + strings.Count(out, `type="destroy"`) + strings.Count(out, "-D -")
	filtered := strings.Contains(strings.Join(c.args, " "), "-e ") || strings.Contains(strings.Join(c.args, " "), "--state") ||
		strings.Contains(strings.Join(c.args, " "), "-l ") || strings.Contains(strings.Join(c.args, " "), "-m ")
	return filtered || created > 0 && created == ended
}

// A time of reading cannot be equal in two programs.
var times = regexp.MustCompile(`(?m)^\[\d+\.\d+\s*\]|<when>.*?</when>|<usec>\d+</usec>`)

// xmlUserspace matches what conntrack(8) writes behind an XML element until 1.4.8.
// natlens follows 1.4.9.
var xmlUserspace = regexp.MustCompile(`</flow> \[USERSPACE\] portid=\d+`)

// conntrack(8) 1.4.7 compares the id and the type of an ICMP flow as if they were
// ports, so that -n, -g and -j select pings that nobody rewrote.
var icmpLine = regexp.MustCompile(`(?m)^.*\bicmp(v6)? .*\n`)

// progName matches the name of the test's own program: it may have closed its
// socket before one of the two looks the name up. A test that re-executed itself
// in a user namespace is called exe.
var progName = sync.OnceValue(func() *regexp.Regexp {
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		panic(err)
	}
	return regexp.MustCompile(` progname=` + regexp.QuoteMeta(strings.TrimSpace(string(name))))
})

func (c *comparison) normal(out string) string {
	if len(c.args) > 0 && slices.Contains([]string{"-n", "-g", "-j"}, c.args[0]) {
		out = icmpLine.ReplaceAllString(out, "")
	}
	out = progName().ReplaceAllString(out, "")
	out = xmlUserspace.ReplaceAllString(out, "</flow>")
	return endsSorted(times.ReplaceAllString(out, "[time]"))
}

// endsSorted sorts ends of flows that follow each other: the kernel makes some on two
// CPUs at once, and then two listeners may get them in different orders.
func endsSorted(out string) string {
	lines := strings.SplitAfter(out, "\n")
	for from, i := 0, 0; i <= len(lines); i++ {
		if i == len(lines) || !isEnd.MatchString(lines[i]) {
			slices.Sort(lines[from:i])
			from = i + 1
		}
	}
	return strings.Join(lines, "")
}

var isEnd = regexp.MustCompile(`\[DESTROY\]|type="destroy"|-D -`)

func firstDifference(theirs, ours string) string {
	a, b := strings.Split(theirs, "\n"), strings.Split(ours, "\n")
	for i := range max(len(a), len(b)) {
		x, y := "(no line)", "(no line)"
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return fmt.Sprintf("line %d of %d and %d\nconntrack %q\nnatlens   %q", i+1, len(a), len(b), x, y)
		}
	}
	return fmt.Sprintf("equal, but not complete:\n%s", ours)
}

// briefLives makes every flow expire two seconds after its last packet.
var briefLives = func() map[string]string {
	m := make(map[string]string)
	for _, name := range []string{
		"tcp_timeout_syn_sent", "tcp_timeout_syn_recv", "tcp_timeout_established", "tcp_timeout_fin_wait",
		"tcp_timeout_close_wait", "tcp_timeout_last_ack", "tcp_timeout_time_wait", "tcp_timeout_close",
		"udp_timeout", "udp_timeout_stream", "icmp_timeout", "icmpv6_timeout", "generic_timeout", "gre_timeout",
		"gre_timeout_stream", "sctp_timeout_closed", "sctp_timeout_cookie_wait", "sctp_timeout_cookie_echoed",
		"sctp_timeout_established", "sctp_timeout_shutdown_sent", "sctp_timeout_shutdown_recd",
		"sctp_timeout_shutdown_ack_sent",
	} {
		m["net.netfilter.nf_conntrack_"+name] = "2"
	}
	return m
}()

// waitEmpty waits until every flow of the gateway has expired. A dump evicts the
// expired entries that it passes, and sends their DESTROYs.
func waitEmpty(t *testing.T, ctx context.Context, l *lab.Lab) {
	t.Helper()
	c, err := conntrack.Dial(&netlink.Config{NetNS: l.Gateway.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for {
		flows, err := c.Dump(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(flows) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%d flows have not expired", len(flows))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// waitListening waits until n sockets of the namespace have joined a group of
// conntrack's.
func waitListening(t *testing.T, ctx context.Context, ns *lab.Namespace, n int) {
	t.Helper()
	for got := 0; got < n; {
		got = len(listeners(t, ns))
		select {
		case <-ctx.Done():
			t.Fatalf("%d of %d programs listen", got, n)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// listener is a socket that has joined a group of conntrack's.
type listener struct{ queued, dropped string }

// listeners are those of a namespace, by address. While sockets come and go
// anywhere on the host, the kernel's list may leave some out, or name some twice.
func listeners(t *testing.T, ns *lab.Namespace) map[string]listener {
	t.Helper()
	var table []byte
	if err := ns.Do(func() (err error) { table, err = os.ReadFile("/proc/thread-self/net/netlink"); return }); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]listener)
	for line := range strings.Lines(string(table)) {
		// sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
		if f := strings.Fields(line); len(f) > 8 && f[1] == "12" && strings.Trim(f[3], "0") != "" {
			all[f[0]] = listener{queued: f[4], dropped: f[8]}
		}
	}
	return all
}

// starter runs functions on a thread that never ends. It is the parent of what is
// to die with this process: the kernel takes the death of the thread that started
// a process for that of its parent, and threads that were in another namespace end.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// startWithin starts a program in a namespace; it dies with this process.
func startWithin(t *testing.T, ns *lab.Namespace, cmd *exec.Cmd) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	own, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	started := make(chan error)
	starter() <- func() {
		err := unix.Setns(ns.FD(), unix.CLONE_NEWNET)
		if err == nil {
			err = errors.Join(cmd.Start(), unix.Setns(int(own.Fd()), unix.CLONE_NEWNET))
		}
		started <- err
	}
	if err := <-started; err != nil {
		t.Fatal(err)
	}
}
