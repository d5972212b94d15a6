//go:build linux

package main

import (
	"bufio"
	"context"
	"io"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// copiedFlow is a flow whose packets go on and on.
type copiedFlow struct {
	filter  string // finds it in the table
	before  string // its packets as they come in
	after   string // as they leave, "" if NAT does nothing
	traffic func(ctx context.Context) error
}

// TestUICopies runs what y copies: the filter finds the one flow, tcpdump(8) sees
// its packets on each side of the NAT, and conntrack(8) deletes it.
func TestUICopies(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "conntrack")
	_, dumps := labtest.Have(t, "tcpdump")
	if dumps && !labtest.InitialUserNS() {
		t.Log("tcpdump lets go of root, which a user namespace with one user does not let it: its commands are not run")
		dumps = false
	}
	l, err := lab.Build(t.Context(), lab.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	flows := copiedFlows(l)
	ctx, stop := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	t.Cleanup(func() { stop(); traffic.Wait() })
	for _, f := range flows {
		traffic.Go(func() {
			for ctx.Err() == nil {
				_ = f.traffic(ctx) // what gets lost is sent again
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	p := openPane(t, 160, 30, "--netns", l.Gateway.Path(), "--theme", "dark")
	p.tmux("set-option", "-s", "set-clipboard", "on")
	p.await("flows with NAT", hasText("⇒ 203.0.113.1:", "? help"))
	for _, f := range flows {
		filterFor(p, f.filter)
		enter := "nsenter --net=" + l.Gateway.Path() + " "
		exact, conntrack, tcpdump := p.copied("f"), p.copied("c"), strings.Split(p.copied("t"), "\n")
		for _, command := range append(tcpdump, conntrack) {
			if !strings.HasPrefix(command, enter) {
				t.Errorf("%s: %q does not enter the namespace by %q", f.filter, command, enter)
			}
		}
		filterFor(p, exact)
		want := []string{f.before, f.after}
		if f.after == "" {
			want = want[:1]
		}
		if len(tcpdump) != len(want) {
			t.Errorf("%s: commands %q, want %d", f.filter, tcpdump, len(want))
			continue
		}
		for i := 0; i < len(want) && dumps; i++ {
			caught(t, tcpdump[i], want[i])
		}
		if stderr := runShell(t, conntrack); !strings.Contains(stderr, "1 flow entries have been deleted") {
			t.Errorf("%s\n%s", conntrack, stderr)
		}
	}
	p.press("q")
	p.endedWell()
}

// copiedFlows are flows of every protocol that has a way of its own to be copied.
func copiedFlows(l *lab.Lab) []copiedFlow {
	local := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, port) }
	flows := []copiedFlow{
		{"udp and sport 40101", "IP 192.168.77.2.40101 > 203.0.113.9.53", "IP 203.0.113.1.40101 > 203.0.113.9.53", func(ctx context.Context) error {
			_, err := l.UDPOnce(ctx, lab.UDP{Local: local(40101), To: lab.ServerDNS})
			return err
		}},
		{"tcp and dport 22", "IP 192.168.77.2.40102 > 203.0.113.9.22", "IP 203.0.113.1.40102 > 203.0.113.9.22",
			talk(l.Client, netip.MustParseAddrPort("192.168.77.2:40102"), lab.ServerSSH)},
		{"tcp and dnat", "IP 203.0.113.9.40103 > 203.0.113.1.8080", "IP 203.0.113.9.40103 > 192.168.77.2.80",
			talk(l.Server, netip.AddrPortFrom(lab.ServerIP, 40103), lab.PublishedHTTP)},
		{"icmp", "IP 192.168.77.2 > 203.0.113.9: ICMP echo request, id 77,", "IP 203.0.113.1 > 203.0.113.9: ICMP echo request, id 77,",
			func(ctx context.Context) error { return l.PingOnce(ctx, lab.Ping{To: lab.ServerIP, ID: 77}) }},
		{"proto sctp", "IP 192.168.77.2.40105 > 203.0.113.9.3868", "IP 203.0.113.1.40105 > 203.0.113.9.3868", func(ctx context.Context) error {
			_, err := l.SCTPOnce(ctx, lab.SCTP{Local: local(40105), To: netip.AddrPortFrom(lab.ServerIP, 3868)})
			return err
		}},
		{"proto udplite", "IP 192.168.77.2 > 203.0.113.9", "IP 203.0.113.1 > 203.0.113.9", func(ctx context.Context) error {
			_, err := l.UDPLiteOnce(ctx, lab.UDP{Local: local(40106), To: lab.ServerDNS})
			return err
		}},
		{"proto gre", "IP 192.168.77.2 > 203.0.113.9: GRE", "IP 203.0.113.1 > 203.0.113.9: GRE",
			func(ctx context.Context) error { return l.GREOnce(ctx, lab.GRE{Raw: lab.Raw{To: lab.ServerIP}}) }},
		{"proto 253", "IP 192.168.77.2 > 203.0.113.9", "IP 203.0.113.1 > 203.0.113.9",
			func(ctx context.Context) error { return l.RawOnce(ctx, lab.Raw{To: lab.ServerIP}) }},
	}
	if !l.IPv6 {
		return flows
	}
	return append(flows,
		copiedFlow{"icmpv6 and icmp.id 78", "IP6 2001:db8:77::2 > 2001:db8:cb::9: ICMP6, echo request, id 78,", "",
			func(ctx context.Context) error { return l.PingOnce(ctx, lab.Ping{To: lab.ServerIP6, ID: 78}) }},
		copiedFlow{"udp and sport 40109", "IP6 2001:db8:77::2.40109 > 2001:db8:cb::9.53", "", func(ctx context.Context) error {
			_, err := l.UDPOnce(ctx, lab.UDP{Local: local(40109), To: lab.ServerDNS6})
			return err
		}})
}

// talk holds a connection, and asks on it again and again.
func talk(n *lab.Namespace, from, to netip.AddrPort) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := n.DialTCP(ctx, from, to)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetLinger(0) // the port is free at once
		for ctx.Err() == nil {
			if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
				return err
			}
			if _, err := conn.Write([]byte{7: 10}); err != nil { // the lab's services answer with so many bytes
				return err
			}
			if _, err := io.CopyN(io.Discard, conn, 10); err != nil {
				return err
			}
			time.Sleep(50 * time.Millisecond)
		}
		return nil
	}
}

// filterFor makes a filter that wants one flow the only one, and waits for the flow.
func filterFor(p *pane, filter string) {
	p.t.Helper()
	p.enter("/")
	p.press("C-u")
	p.enter(filter)
	p.press("Enter")
	p.await("the one flow of "+filter, hasText(" / "+filter+" ", " 1 of "))
}

// copied copies the flow under the cursor in the way of a key, and returns what the
// terminal got.
func (p *pane) copied(key string) string {
	p.t.Helper()
	p.tmux("set-buffer", "nothing yet")
	p.press("y")
	p.await("the question", hasText(" copy as "))
	p.press(key)
	p.await("the copy", hasText(" copied the "))
	var text string
	labtest.WaitFor(p.t, "the clipboard", func() bool {
		text = p.tmux("show-buffer")
		return text != "nothing yet"
	})
	return text
}

// runShell runs a command line.
func runShell(t *testing.T, line string) (stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v: %s", line, err, out.String())
	}
	return out.String()
}

// caught runs a tcpdump command until it has caught a packet, which it is to show.
func caught(t *testing.T, command, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+command+" -l")
	cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	var stderr clitest.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), want) {
			return
		}
	}
	t.Errorf("%s\ncatches no %q\n%s", command, want, stderr.String())
}
