//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// conversation is one in which a helper reads of another flow.
type conversation struct {
	helper string
	proto  uint8
	server netip.AddrPort // the destination of the conversation's own flow
	once   func(context.Context, *lab.Lab, relatedFlow) error
}

var conversations = []conversation{
	{"tftp", unix.IPPROTO_UDP, serverTFTP, tftpOnce},
	{"sip", unix.IPPROTO_UDP, serverSIP, sipOnce},
	{"pptp", unix.IPPROTO_TCP, serverPPTP, pptpOnce},
}

// TestHelpersSame provokes the helpers of TFTP, SIP, PPTP and FTP, through the
// lab's NAT. While a flow is expected, both programs list the expectation; when it
// has come, both list it, and natlens prints its master. Both print the same events
// of all expectations.
func TestHelpersSame(t *testing.T) {
	needConntrack(t)
	l := labtest.NewWith(t, lab.Config{Acct: true, Timestamp: true, Helpers: true})
	both, stderr := watchExpects(t, l.Gateway), []string{"helper=ftp"}
	for _, c := range conversations {
		t.Run(c.helper, func(t *testing.T) {
			if l.Assign(c.helper, c.proto, c.server.Port()) != nil {
				labtest.Lack(t, "helper "+c.helper)
			}
			stderr = append(stderr, "helper="+c.helper)
			err := c.once(t.Context(), l, relatedFlow{
				Expected: func() error {
					for _, text := range []string{"-L expect", "-L expect -o xml", "-C expect", "-L -o extended"} {
						compareSteady(t, l.Gateway, strings.Fields(text))
					}
					listed := ours(t, l.Gateway, "-L", "expect").stdout
					if !strings.Contains(listed, "helper="+c.helper) || !strings.Contains(listed, fmt.Sprintf("dport=%d ", c.server.Port())) {
						t.Errorf("expectations of %s:\n%s", c.helper, listed)
					}
					return nil
				},
				Come: func() error {
					for _, text := range []string{"-L", "-L -o extended,id", "-L -u EXPECTED", "-L -o xml"} {
						compareReading(t, l.Gateway, strings.Fields(text))
					}
					toldMaster(t, l.Gateway, c)
					return nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := ours(t, l.Gateway, "-F"); got.code != 0 {
				t.Fatal(got.stderr)
			}
		})
	}
	for _, f := range []lab.FTP{{Bytes: 10}, {Bytes: 10, Passive: true}} {
		if _, err := l.FTPOnce(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	masters, want := drawnMasters(t, l.Gateway), " → "+lab.ServerFTP.String()+" (its helper expected this flow)\n"
	if len(masters) != 2 || !strings.HasSuffix(masters[0], want) || !strings.HasSuffix(masters[1], want) {
		t.Errorf("of two data connections of FTP the drawing says %q", masters)
	}
	both.compare(t, stderr...)
}

// compareSteady is compareReading for what counts down every second.
func compareSteady(t *testing.T, ns *lab.Namespace, args []string) {
	t.Helper()
	labtest.WaitFor(t, "both programs to say the same within a second", func() bool {
		before, us, after := theirs(t, ns, args...), ours(t, ns, args...), theirs(t, ns, args...)
		if before == after && (us.stdout != before.stdout || us.code != before.code) {
			t.Errorf("%q: exit codes %d and %d, %s", args, before.code, us.code, firstDifference(before.stdout, us.stdout))
		}
		return before == after
	})
}

// toldMaster expects one flow with a master, that of the conversation, in JSON
// lines, in the lines for people, in the drawing and in the filter.
func toldMaster(t *testing.T, ns *lab.Namespace, c conversation) {
	t.Helper()
	got := ours(t, ns, "list", "-o", "jsonl", "master")
	var flow struct {
		Status []string
		Master struct {
			Proto, Src, Dst string
			Sport, Dport    uint16
		}
	}
	if err := json.Unmarshal([]byte(got.stdout), &flow); err != nil || got.code != 0 {
		t.Fatalf("%v in %q, %s", err, got.stdout, got.stderr)
	}
	m := flow.Master
	if netip.AddrPortFrom(netip.MustParseAddr(m.Dst), uint16(m.Dport)) != c.server || m.Src != lab.ClientIP.String() || !slices.Contains(flow.Status, "expected") {
		t.Errorf("a child of %s: %+v", c.helper, flow)
	}
	if text := ours(t, ns, "list", "-o", "pretty", "expected").stdout; !strings.Contains(text, "of "+lab.ClientIP.String()) {
		t.Errorf("the lines for people say %s", text)
	}
	masters := drawnMasters(t, ns)
	if want := "master PROTO " + lab.ClientIP.String() + ":SPORT → " + c.server.String() + " (its helper expected this flow)\n"; len(masters) != 1 ||
		masters[0] != strings.NewReplacer("PROTO", m.Proto, "SPORT", strconv.Itoa(int(m.Sport))).Replace(want) {
		t.Errorf("the drawing says %q", masters)
	}
}

// drawnMasters are the lines of natlens explain that name a flow's master.
func drawnMasters(t *testing.T, ns *lab.Namespace) (lines []string) {
	t.Helper()
	for line := range strings.Lines(ours(t, ns, "explain", "--width", "120").stdout) {
		if strings.HasPrefix(line, "master ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// expectWatchers are both programs, watching expectations.
type expectWatchers struct {
	theirs *clitest.Buffer
	ours   *called
}

func watchExpects(t *testing.T, ns *lab.Namespace) *expectWatchers {
	t.Helper()
	w := &expectWatchers{new(clitest.Buffer), &called{}}
	cmd := exec.Command("conntrack", "-E", "expect")
	cmd.Stdout = w.theirs
	startWithin(t, ns, cmd)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		con := cli.Console{Stdout: &w.ours.stdout, Stderr: &w.ours.stderr, Getenv: func(string) string { return "" }}
		w.ours.code = run(ctx, con, []string{"-E", "expect", "--netns", ns.Path()})
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
		cancel()
		<-ended
	})
	labtest.WaitFor(t, "both to listen", func() bool { return expectListeners(t, ns) == 2 })
	return w
}

// compare waits until both have printed every helper, and the same lines.
func (w *expectWatchers) compare(t *testing.T, helpers ...string) {
	t.Helper()
	stderr := func(text string) bool {
		return !slices.ContainsFunc(helpers, func(h string) bool { return !strings.Contains(text, h) })
	}
	labtest.WaitFor(t, "both to print the same", func() bool {
		a, b := w.theirs.String(), w.ours.stdout.String()
		return a == b && stderr(a)
	})
}
