//go:build linux

package why

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/why"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// ask runs the command in the lab's gateway, and calls act again and again while it waits.
func ask(t *testing.T, l *lab.Lab, act func(context.Context), args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	notes := waiting{begun: make(chan struct{})}
	cmd := New(cli.Console{Stdout: &out, Stderr: &notes, Getenv: func(string) string { return "" }})
	cmd.SetArgs(append(args, "--netns", l.Gateway.Path()))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
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
	labtest.While(t, once, func(ctx context.Context) { err = cmd.ExecuteContext(ctx) })
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

// outcome is the expected verdict.
type outcome struct {
	name     string
	sentence string
	remedy   string
	evidence []string // some of it
}

// expect asks in JSON, compares, and returns the remedy.
func expect(t *testing.T, l *lab.Lab, want outcome, act func(context.Context), args ...string) (remedy string) {
	t.Helper()
	text, err := ask(t, l, act, append(args, "-o", "json")...)
	var got why.Verdict
	if failed := json.Unmarshal([]byte(text), &got); failed != nil {
		t.Fatalf("%v, %v: %s", failed, err, text)
	}
	evidence := fixed(strings.Join(got.Evidence, "\n"))
	if got.Name != want.name || fixed(got.Sentence) != want.sentence || fixed(got.Remedy) != want.remedy {
		t.Errorf("verdict %s: %s\n→ %s\n%s\nwant %s: %s\n→ %s", got.Name, fixed(got.Sentence), fixed(got.Remedy), evidence,
			want.name, want.sentence, want.remedy)
	}
	for _, line := range want.evidence {
		if !strings.Contains("\n"+evidence+"\n", "\n"+line+"\n") {
			t.Errorf("no evidence %q in\n%s", line, evidence)
		}
	}
	if works := got.Name == why.Works; works != (err == nil) || !works && !errors.Is(err, cli.ErrSilent) {
		t.Errorf("%s: %v", got.Name, err)
	}
	return got.Remedy
}

const published = "203.0.113.1:8080"

const forward = `rule ip nat prerouting handle 4 (iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80)`

// TestWorks asks about a healthy port forward.
func TestWorks(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	l := labtest.NewWith(t, lab.Config{})
	expect(t, l, outcome{why.Works, "It works: 192.168.77.2:80 answers what is sent to 203.0.113.1:8080.", "", []string{
		"packet: tcp 203.0.113.9:N → 203.0.113.1:8080, in on wan, out by lan",
		"destination now 192.168.77.2:80, by " + forward,
		"answer: tcp 192.168.77.2:80 → 203.0.113.9:N, in on lan, out by wan",
	}}, dial(l.Server, lab.PublishedHTTP), published)
}

// TestNoPacket waits for a packet that does not come.
func TestNoPacket(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	text, err := ask(t, l, func(ctx context.Context) { <-ctx.Done() }, "-p", "udp", "--for", "300ms", "203.0.113.1:51820", "from", "203.0.113.7")
	want := "No udp packet from 203.0.113.7 to 203.0.113.1:N came in TIME.\n" +
		"→ nsenter --net=NETNS tcpdump -ni any 'udp and dst host 203.0.113.1 and dst port 51820'\n"
	text = regexp.MustCompile(`\d+ms`).ReplaceAllString(fixed(text), "TIME")
	if text != want || !errors.Is(err, cli.ErrSilent) {
		t.Errorf("%v: %s", err, text)
	}
}

// TestDropped asks about a packet that a rule or a policy of the firewall drops.
func TestDropped(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	l := labtest.NewWith(t, lab.Config{})
	labtest.In(t, l.Gateway, `nft insert rule ip filter forward tcp dport 80 drop comment \"no web\"`)
	expect(t, l, outcome{"dropped",
		`The packet is dropped in FORWARD by rule ip filter forward handle 5 (tcp dport 80 drop comment "no web").`,
		"nsenter --net=NETNS nft insert rule ip filter forward handle 5 ip daddr 192.168.77.2 tcp dport 80 accept",
		[]string{"packet: tcp 203.0.113.9:N → 203.0.113.1:8080, in on wan, dropped"},
	}, dial(l.Server, lab.PublishedHTTP), published)
}

// TestRedirect asks about a port that is redirected to this host.
func TestRedirect(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	expect(t, l, outcome{why.Works, "It works: 192.168.77.1:9091 answers what is sent to 203.0.113.9:8081.", "", nil},
		dial(l.Client, lab.Redirected), "203.0.113.9:8081")
}

// TestWorksUDP asks in text about UDP, which has no handshake.
func TestWorksUDP(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	text, err := ask(t, l, func(ctx context.Context) { _, _ = l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS}) },
		"-p", "udp", "203.0.113.9:53", "from", "192.168.77.2")
	want := `It works: 203.0.113.9:53 answers.
  packet: udp 192.168.77.2:N → 203.0.113.9:53, in on lan, out by wan
  source now 203.0.113.1:N
  flow N: seen_reply confirmed src_nat src_nat_done dst_nat_done
  route to 203.0.113.9: dev wan
  route back to 192.168.77.2: dev lan
  neighbour 203.0.113.9: REACHABLE
  answer: udp 203.0.113.9:53 → 203.0.113.1:N, in on wan, out by lan
`
	if diff := cmp.Diff(want, fixed(text)); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
}

// TestIPv6 asks about an address of IPv6, which is routed without NAT.
func TestIPv6(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	if !l.IPv6 {
		labtest.Lack(t, "IPv6")
	}
	expect(t, l, outcome{why.Works, "It works: [2001:db8:cb::9]:443 answers.", "", []string{
		"packet: tcp [2001:db8:77::2]:N → [2001:db8:cb::9]:443, in on lan, out by wan",
	}}, dial(l.Client, lab.ServerHTTPS6), "[2001:db8:cb::9]:443")
}

// TestSend lets a host of the command's own lab send the packet.
func TestSend(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--send 203.0.113.1:8080":                        "It works: 192.168.77.2:80 answers what is sent to 203.0.113.1:8080.",
		"--send -p udp 203.0.113.9:53 from 192.168.77.3": "It works: 203.0.113.9:53 answers.",
		"--send -p sctp 203.0.113.9:5 from 192.168.77.2": "It works: 203.0.113.9:5 answers.",
		"--send 203.0.113.1:99": "No rule forwards 203.0.113.1:99 to another host, and this host does not answer.\n" +
			"→ on a real gateway: nft add rule ip nat prerouting tcp dport 99 dnat to TARGET",
	} {
		var out, notes bytes.Buffer
		cmd := New(cli.Console{Stdout: &out, Stderr: &notes, Getenv: func(string) string { return "" }})
		cmd.SetArgs(strings.Fields(args))
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		err := cmd.ExecuteContext(t.Context())
		got, _, _ := strings.Cut(fixed(out.String()), "\n  ")
		if got != want || (err == nil) != strings.HasPrefix(want, "It works") {
			t.Errorf("why %s: %v: %s%s", args, err, out.String(), notes.String())
		}
	}
}

// TestMisuse reports what is wrong with a command line.
func TestMisuse(t *testing.T) {
	for args, want := range map[string]string{
		"":             "why needs an address such as 203.0.113.1:8080; from and the sender's address may follow",
		"x":            `"x": must be an address, or address:port, such as 203.0.113.1:8080`,
		"::1 from ::x": `from "::x": must be an address of the same family as ::1`,
		"::1 -p icmp":  "-p icmp: must be tcp, udp or sctp",
		"::1 -o csv":   "-o csv: must be pretty or json",
		"::1 --send":   "--send needs a port, and makes its own namespaces: not together with --netns",
		"::1 --for 0s": "--for 0s: must be longer than 0",
		"::1 --rate 1": "--rate 1: must be a number of packets in a second, minute or hour, such as 10/s, 100/m or 1/h",
	} {
		cmd := New(cli.Console{Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer)})
		cmd.SetArgs(strings.Fields(args))
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		if err := cmd.Execute(); err == nil || err.Error() != want {
			t.Errorf("why %s: %v, want %s", args, err, want)
		}
	}
}
