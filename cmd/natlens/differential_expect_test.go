//go:build linux

package main

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// expectations fills the table with FTP connections and what they expect.
func expectations(t *testing.T, ns *lab.Namespace) {
	t.Helper()
	s := emptied(t, ns)
	defer s.Close()
	timeout := uint32(5000)
	for i, from := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		master := plainFlow(monitor.TCP, from, "198.51.100.2", uint16(4000+i), 21)
		if err := s.Create(t.Context(), &master, &kernel.Change{Timeout: &timeout, Helper: "ftp",
			Proto: &kernel.ProtoInfo{Proto: monitor.TCP, State: monitor.TCPEstablished}}); err != nil {
			t.Fatal(err)
		}
		x := monitor.Expect{Tuple: plainFlow(monitor.TCP, "198.51.100.2", from, 0, uint16(30000+i)).Orig,
			Mask: plainFlow(monitor.TCP, "255.255.255.255", "255.255.255.255", 0, 65535).Orig, Master: master.Orig, Timeout: 1990,
			Flags: []monitor.ExpectFlags{0, monitor.ExpectPermanent, monitor.ExpectPermanent | monitor.ExpectInactive}[i]}
		if err := s.CreateExpect(t.Context(), &x); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExpectationsSame compares the commands on the table of expectations with
// conntrack(8)'s.
func TestExpectationsSame(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	expectations(t, ns)
	for _, text := range []string{"-L expect", "-L exp", "-L expect -f ipv4", "-L expect -f ipv6", "-L expect -o xml", "-L expect -o save", "-C expect", "-S expect",
		"-G expect -p tcp -s 198.51.100.2 -d 192.0.2.1 --sport 7 --dport 30000 --reply-port-src 1 --reply-port-dst 1",
	} {
		args := strings.Fields(text)
		var before, us, after answer
		labtest.WaitFor(t, "a second in which nothing changes", func() bool {
			before, us, after = theirs(t, ns, args...), ours(t, ns, args...), theirs(t, ns, args...)
			return before == after
		})
		if us.stdout != before.stdout || us.code != before.code {
			t.Errorf("%q: exit codes %d and %d, %s", args, before.code, us.code, firstDifference(before.stdout, us.stdout))
		}
		if strings.HasSuffix(before.stderr, "have been shown.\n") && us.stderr != before.stderr {
			t.Errorf("%q: on stderr %q, conntrack says %q", args, us.stderr, before.stderr)
		}
		if before.stdout == "" && !strings.Contains(text, "ipv6") {
			t.Errorf("%q: nothing to compare", args)
		}
	}
	for _, c := range []struct{ args, stderr, left string }{
		// conntrack(8) calls it a failure, and says that 0 were shown.
		{"-D expect -p tcp -s 198.51.100.2 -d 192.0.2.1 --sport 7 --dport 30000", "1 expectations have been deleted.\n", "2"},
		{"-F expect", "expectation table has been emptied.\n", "0"},
	} {
		got := ours(t, ns, strings.Fields(c.args)...)
		if left := strings.TrimSpace(theirs(t, ns, "-C", "expect").stdout); got.code != 0 || got.stderr != c.stderr || left != c.left {
			t.Errorf("%s: code %d, %q, %s left", c.args, got.code, got.stderr, left)
		}
	}
	ignored := ours(t, ns, strings.Fields("-D expect -p tcp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -r 192.0.2.3")...)
	note, _, _ := strings.Cut(ignored.stderr, "\n")
	if golden.Words(t, "-D expect -r", note); ignored.code != 1 {
		t.Errorf("-r: code %d, stderr %q", ignored.code, ignored.stderr)
	}
	if got := ours(t, ns, "-G", "expect", "-p", "tcp", "-s", "192.0.2.1", "-d", "192.0.2.2", "--sport", "1", "--dport", "2"); got.code != 1 || got.stderr != "get expectation: no such expectation\n" {
		t.Errorf("get of none: code %d, %q", got.code, got.stderr)
	}
}

// TestExpectEventsSame compares what both programs print about expectations that come
// and go, in each format.
func TestExpectEventsSame(t *testing.T) {
	needConntrack(t)
	ns := generatorNS(t)
	for _, format := range []string{"", "-o timestamp", "-o xml", "-o timestamp,xml", "-o save", "-o id"} {
		t.Run(format, func(t *testing.T) { expectEventsSame(t, ns, strings.Fields("-E expect "+format)) })
	}
}

func expectEventsSame(t *testing.T, ns *lab.Namespace, args []string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var them clitest.Buffer
	cmd := exec.Command("conntrack", args...)
	cmd.Stdout = &them
	startWithin(t, ns, cmd)
	defer func() { cmd.Process.Signal(syscall.SIGINT); cmd.Wait() }()
	us := &called{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		con := cli.Console{Stdout: &us.stdout, Stderr: &us.stderr, Getenv: func(string) string { return "" }}
		us.code = run(ctx, con, append(slices.Clone(args), "--netns", ns.Path()))
	}()
	labtest.WaitFor(t, "both to listen", func() bool { return expectListeners(t, ns) == 2 })
	expectations(t, ns)
	if got := ours(t, ns, "-F", "expect"); got.code != 0 {
		t.Fatal(got.stderr)
	}
	events := func(out string) int { return strings.Count(out, " dport=30002") + strings.Count(out, "<dport>30002") }
	labtest.WaitFor(t, "both ends of the last one from each", func() bool {
		return events(them.String()) == 2 && events(us.stdout.String()) == 2
	})
	cancel()
	<-ended
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if a, b := times.ReplaceAllString(them.String(), "[time]"), times.ReplaceAllString(us.stdout.String(), "[time]"); a != b {
		t.Error(firstDifference(a, b))
	}
	if us.code != 0 || us.stderr.String() != "natlens: 6 expectation events have been shown.\n" {
		t.Errorf("code %d, stderr %q", us.code, us.stderr.String())
	}
}

// Sockets of netfilter's that have joined the group of new expectations.
var expectGroup = regexp.MustCompile(`(?m)^\S+ +12 +\S+ +0*(28|38) `)

func expectListeners(t *testing.T, ns *lab.Namespace) int {
	t.Helper()
	var table []byte
	err := ns.Do(func() (err error) { table, err = os.ReadFile("/proc/thread-self/net/netlink"); return })
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool) // an entry may be there twice, see listeners
	for _, line := range expectGroup.FindAllString(string(table), -1) {
		seen[line] = true
	}
	return len(seen)
}

// TestExpectJSON holds a line to its text, but for what the kernel chose.
func TestExpectJSON(t *testing.T) {
	ns := generatorNS(t)
	expectations(t, ns)
	got := ours(t, ns, "expect", "get", "-p", "tcp", "-s", "198.51.100.2", "-d", netip.MustParseAddr("192.0.2.3").String(), "--sport", "9", "--dport", "30002")
	line := regexp.MustCompile(`"ts":"[^"]*"|"id":\d+|"timeout":\d+`).ReplaceAllStringFunc(got.stdout, func(s string) string {
		name, _, _ := strings.Cut(s, ":")
		return name + ":0"
	})
	const want = `{"v":1,"ts":0,"ts_source":"receive","expectation":"existing","id":0,"family":"ipv4","proto":"tcp","protonum":6,"timeout":0,` +
		`"expected":{"src":"198.51.100.2","sport":0,"dst":"192.0.2.3","dport":30002},` +
		`"mask":{"src":"255.255.255.255","sport":0,"dst":"255.255.255.255","dport":65535},` +
		`"master":{"proto":"tcp","src":"192.0.2.3","sport":4002,"dst":"198.51.100.2","dport":21},` +
		`"helper":"ftp","class":0,"flags":["permanent","inactive"]}` + "\n"
	if line != want {
		t.Errorf("got\n%swant\n%s", line, want)
	}
}
