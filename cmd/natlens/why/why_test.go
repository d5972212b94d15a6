//go:build linux

package why

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/why"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// execute runs the command.
func execute(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	cmd := New(cli.Console{Stdout: stdout, Stderr: stderr, Getenv: func(string) string { return "" }})
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(ctx)
}

// ask runs the command in the lab's gateway, and calls act again and again while it waits.
func ask(t *testing.T, l *lab.Lab, act func(context.Context), args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	notes := waiting{begun: make(chan struct{})}
	once := func(ctx context.Context) {
		select {
		case <-ctx.Done():
			return
		case <-notes.begun:
		}
		act(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond): // do not repeat a refused connection in a busy loop
		}
	}
	labtest.While(t, once, func(ctx context.Context) {
		err = execute(ctx, &out, &notes, append(args, "--netns", l.Gateway.Path())...)
	})
	return out.String(), err
}

// waiting is standard error, and reports when the command waits.
type waiting struct {
	bytes.Buffer
	begun chan struct{}
}

func (w *waiting) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("waiting")) {
		close(w.begun)
	}
	return w.Buffer.Write(p)
}

// dial connects, and waits as a client does, which sends its SYN again.
func dial(n *lab.Namespace, to netip.AddrPort) func(context.Context) {
	return func(ctx context.Context) {
		conn, err := n.DialTCP(ctx, netip.AddrPort{}, to)
		if err == nil {
			conn.Close()
		}
	}
}

// numbers vary: ports that a client chose, ids of flows, how much counters grew. A plain user
// needs sudo.
var numbers = regexp.MustCompile(`sudo |(flow|id) \d+|:\d{5}\b|/proc/\d+/fd/\d+|\+\d+`)

func fixed(text string) string {
	return numbers.ReplaceAllStringFunc(text, func(s string) string {
		switch word, _, ok := strings.Cut(s, " "); {
		case word == "sudo":
			return ""
		case ok:
			return word + " N"
		case s[0] == '/':
			return "NETNS"
		}
		return s[:1] + "N"
	})
}

// expect asks in JSON, compares the name of the verdict, and returns the remedy. The sentence, the remedy and the lines
// of the evidence that begin with one of the words are golden.
func expect(t *testing.T, l *lab.Lab, verdict string, words []string, act func(context.Context), args ...string) (remedy string) {
	t.Helper()
	text, err := ask(t, l, act, append(args, "-o", "json")...)
	var got why.Verdict
	if failed := json.Unmarshal([]byte(text), &got); failed != nil {
		t.Fatalf("%v, %v: %s", failed, err, text)
	}
	golden.Words(t, got.Name, strings.TrimSuffix(fixed(got.Sentence+"\n→ "+got.Remedy), "\n→ "))
	if got.Name != verdict {
		t.Errorf("verdict %s, want %s: %s\n%s", got.Name, verdict, got.Sentence, strings.Join(got.Evidence, "\n"))
	}
	for _, word := range words {
		i := slices.IndexFunc(got.Evidence, func(line string) bool { return strings.HasPrefix(line, word) })
		if i < 0 {
			t.Fatalf("no evidence %q in\n%s", word, strings.Join(got.Evidence, "\n"))
		}
		golden.Words(t, "", fixed(got.Evidence[i]))
	}
	if works := got.Name == why.Works; works != (err == nil) || !works && !errors.Is(err, cli.ErrSilent) {
		t.Errorf("%s: %v", got.Name, err)
	}
	return got.Remedy
}

const published = "203.0.113.1:8080"

// TestWorks asks about a healthy port forward.
func TestWorks(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	l := labtest.NewWith(t, lab.Config{})
	expect(t, l, why.Works, []string{"packet", "destination", "answer"}, dial(l.Server, lab.PublishedHTTP), published)
}

// TestNoPacket waits for a packet that does not come.
func TestNoPacket(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	text, err := ask(t, l, func(ctx context.Context) { <-ctx.Done() }, "-p", "udp", "--for", "300ms", "203.0.113.1:51820", "from", "203.0.113.7")
	golden.Words(t, "", regexp.MustCompile(`\d+ms`).ReplaceAllString(fixed(text), "TIME"))
	if !errors.Is(err, cli.ErrSilent) {
		t.Error(err)
	}
}

// TestDropped asks about a packet that a rule or a policy of the firewall drops.
func TestDropped(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	l := labtest.NewWith(t, lab.Config{})
	labtest.In(t, l.Gateway, `nft insert rule ip filter forward tcp dport 80 drop comment \"no web\"`)
	expect(t, l, "dropped", []string{"packet"}, dial(l.Server, lab.PublishedHTTP), published)
}

// TestRedirect asks about a port that is redirected to this host.
func TestRedirect(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	expect(t, l, why.Works, nil,
		dial(l.Client, lab.Redirected), "203.0.113.9:8081")
}

// TestWorksUDP asks in text about UDP, which has no handshake.
func TestWorksUDP(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	text, err := ask(t, l, func(ctx context.Context) { _, _ = l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS}) },
		"-p", "udp", "203.0.113.9:53", "from", "192.168.77.2")
	golden.Words(t, "", fixed(text))
	if err != nil {
		t.Error(err)
	}
}

// TestIPv6 asks about an address of IPv6, which is routed without NAT.
func TestIPv6(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	if !l.IPv6 {
		labtest.Lack(t, "IPv6")
	}
	expect(t, l, why.Works, []string{"packet"}, dial(l.Client, lab.ServerHTTPS6), "[2001:db8:cb::9]:443")
}

// TestSend lets a host of the command's own lab send the packet.
func TestSend(t *testing.T) {
	t.Parallel()
	for args, works := range map[string]bool{
		"--send 203.0.113.1:8080":                        true,
		"--send -p udp 203.0.113.9:53 from 192.168.77.3": true,
		"--send -p sctp 203.0.113.9:5 from 192.168.77.2": true,
		"--send 203.0.113.1:99":                          false,
	} {
		t.Run(args, func(t *testing.T) {
			var out, notes bytes.Buffer
			err := execute(t.Context(), &out, &notes, strings.Fields(args)...)
			verdict, _, _ := strings.Cut(fixed(out.String()), "\n  ")
			golden.Words(t, "", verdict)
			if (err == nil) != works {
				t.Errorf("%v: %s%s", err, out.String(), notes.String())
			}
		})
	}
}

// TestMisuse reports what is wrong with a command line.
func TestMisuse(t *testing.T) {
	for _, args := range []string{"", "x", "::1 from ::x", "::1 -p icmp", "::1 -o csv", "::1 --send", "::1 --for 0s", "::1 --rate 1"} {
		golden.Words(t, args, execute(t.Context(), io.Discard, io.Discard, strings.Fields(args)...))
	}
}
