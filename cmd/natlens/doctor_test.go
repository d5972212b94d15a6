//go:build linux

package main

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"natlens/monitor/doctor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
)

// diagnosis is what natlens doctor --json says.
type diagnosis struct {
	V       int
	Verdict string
	Checks  []diagnosed
	code    int
}

type diagnosed struct {
	ID, Level, Text, Command string
	Evidence                 map[string]any
}

// doctorIn runs natlens doctor in the lab's gateway; nil: here.
func doctorIn(t *testing.T, l *lab.Lab, args ...string) *diagnosis {
	t.Helper()
	p := start(t, l, append([]string{"doctor", "--json", "--for", "300ms"}, args...)...)
	text := p.rest(t)
	d := &diagnosis{code: p.wait(t)}
	if err := json.Unmarshal([]byte(text), d); err != nil || d.V != 1 {
		t.Fatalf("%v: %s; standard error: %s", err, text, p.stderr.String())
	}
	if wrong := d.Verdict == "fail"; wrong != (d.code == exitFailure) {
		t.Errorf("the verdict is %s and the exit code %d", d.Verdict, d.code)
	}
	return d
}

func (d *diagnosis) check(t *testing.T, id string) diagnosed {
	t.Helper()
	for _, c := range d.Checks {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no check %s", id)
	return diagnosed{}
}

// shell runs a command that doctor gave in the gateway.
func shell(t *testing.T, l *lab.Lab, command string) {
	t.Helper()
	lab.Need(t, strings.Fields(command)[0])
	err := l.Gateway.Do(func() error {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", command, err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDoctorCauses makes each cause for real, expects it to be told with its
// evidence, takes it away by the command that doctor gives or as said, and
// expects it to be gone.
func TestDoctorCauses(t *testing.T) {
	for _, c := range []struct {
		id, level string
		cause     func(t *testing.T, l *lab.Lab)
		args      []string // of the run that sees it
		text      string   // in it
		evidence  string   // name=value
		remove    func(t *testing.T, l *lab.Lab, command string)
	}{
		{
			id: "hook", level: "fail", cause: flushRules, text: "nothing is tracked here", evidence: "rules=0",
			remove: func(t *testing.T, l *lab.Lab, command string) {
				shell(t, l, command)
				// Without NAT nobody answers.
				for range 3 {
					if _, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS, NoReply: true}); err != nil {
						t.Fatal(err)
					}
				}
				waitFor(t, "flows to be tracked after "+command, func() bool { return entries(t, l.Gateway) == "3" })
			},
		},
		{id: "events", level: "fail", cause: sets("events", "0"), text: "nf_conntrack_events is 0", evidence: "nf_conntrack_events=0", remove: shell},
		{id: "acct", level: "warn", cause: sets("acct", "0"), text: "not counted", evidence: "nf_conntrack_acct=0", remove: shell},
		{id: "timestamp", level: "warn", cause: sets("timestamp", "0"), text: "keeps no times", evidence: "nf_conntrack_timestamp=0", remove: shell},
		{
			id: "ring", level: "warn", cause: func(*testing.T, *lab.Lab) {}, args: []string{"--capture", "socket"}, text: "--capture socket",
			remove: func(t *testing.T, _ *lab.Lab, _ string) {
				if !lab.InitialUserNS() {
					t.Skip("the ring can't be had in a user namespace")
				}
			},
		},
		{
			id: "helper", level: "warn", text: "1 flow to tcp port 21", evidence: "without_ftp=1",
			cause: func(t *testing.T, l *lab.Lab) { oneTCP(t, l, lab.ServerFTP) },
			remove: func(t *testing.T, l *lab.Lab, command string) {
				shell(t, l, command)
				forgetFlows(t, l)
				oneTCP(t, l, lab.ServerFTP)
				if got := doctorIn(t, l).check(t, "helper"); got.Evidence["with_helper"] != 1.0 {
					t.Errorf("after %s: %+v", command, got)
				}
			},
		},
		{
			id: "counter.insert_failed", level: "warn", text: "insert_failed moved by", evidence: "",
			cause: func(t *testing.T, l *lab.Lab) {
				// One public port for all: the second flow to a destination finds it taken.
				err := l.AddRule(nftables.TableFamilyIPv4, "nat", "postrouting", lab.Proto(unix.IPPROTO_UDP), lab.SNAT(lab.GatewayWAN, 5000, 5000, false))
				if err != nil {
					t.Fatal(err)
				}
				busy(t, func(ctx context.Context) {
					_, _ = l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS, NoReply: true})
				})
			},
			remove: func(t *testing.T, l *lab.Lab, _ string) { flushRules(t, l) },
		},
		{
			id: "counter.invalid", level: "warn", text: "invalid moved by",
			cause:  func(t *testing.T, l *lab.Lab) { shortSegments(t, l, 20) },
			remove: func(*testing.T, *lab.Lab, string) {}, // nobody sends more
		},
		{
			id: "queue", level: "warn", args: []string{"--capture", "socket", "--buffer-size", "4096"}, text: "events/s seen", evidence: "way=socket",
			cause: func(t *testing.T, l *lab.Lab) {
				busy(t, func(ctx context.Context) { _, _ = l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS}) })
			},
			remove: func(*testing.T, *lab.Lab, string) {}, // a buffer of the usual size
		},
	} {
		t.Run(c.id, func(t *testing.T) {
			l := lab.NewWith(t, lab.Config{Acct: true, Timestamp: true, Sysctls: map[string]string{"net.netfilter.nf_conntrack_events": "1"}})
			if got := doctorIn(t, l).check(t, c.id); got.Level != "ok" && c.id != "ring" {
				t.Fatalf("before: %+v", got)
			}
			t.Run("cause", func(t *testing.T) {
				c.cause(t, l)
				got := doctorIn(t, l, c.args...).check(t, c.id)
				// How fast counters move, and how many events were too many, is the machine's.
				if got.Level != c.level && (got.Level != "fail" || c.id != "counter.insert_failed" && c.id != "queue") || !strings.Contains(got.Text, c.text) {
					t.Errorf("got %+v", got)
				}
				if name, want, ok := strings.Cut(c.evidence, "="); ok && jsonText(got.Evidence[name]) != want {
					t.Errorf("evidence %v, wanted %s", got.Evidence, c.evidence)
				}
				c.remove(t, l, got.Command)
			})
			if t.Failed() {
				return
			}
			if got := doctorIn(t, l).check(t, c.id); got.Level != "ok" && (c.id != "ring" || lab.InitialUserNS()) && c.id != "helper" {
				t.Errorf("after: %+v", got)
			}
		})
	}
}

func jsonText(v any) string {
	b, _ := json.Marshal(v)
	return strings.Trim(string(b), `"`)
}

// sets makes a setting of conntrack's in the gateway.
func sets(name, value string) func(*testing.T, *lab.Lab) {
	return func(t *testing.T, l *lab.Lab) {
		if err := l.Gateway.WriteSysctl("net.netfilter.nf_conntrack_"+name, value); err != nil {
			t.Fatal(err)
		}
	}
}

func flushRules(t *testing.T, l *lab.Lab) {
	if err := l.NFT(func(c *nftables.Conn) error { c.FlushRuleset(); return nil }); err != nil {
		t.Fatal(err)
	}
}

func forgetFlows(t *testing.T, l *lab.Lab) {
	t.Helper()
	s, err := kernel.OpenService(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func oneTCP(t *testing.T, l *lab.Lab, to netip.AddrPort) {
	t.Helper()
	if _, err := l.SYNOnce(t.Context(), lab.TCP{To: netip.AddrPortFrom(lab.Blackhole, to.Port())}); err != nil {
		t.Fatal(err)
	}
}

// busy does something again and again until the test ends.
func busy(t *testing.T, f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			f(ctx)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// shortSegments sends TCP segments that end within their header through the
// gateway, again and again until the test ends, many at a time.
func shortSegments(t *testing.T, l *lab.Lab, many int) {
	var fd int
	err := l.Client.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	to := &unix.SockaddrInet4{Addr: lab.ServerIP.As4()}
	busy(t, func(ctx context.Context) {
		for range many {
			_ = unix.Sendto(fd, []byte{0x10, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0}, 0, to)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	})
}

// hostMax is how many flows the kernel allows.
func hostMax(t *testing.T) int {
	t.Helper()
	text, err := kernel.ReadSysctl(0, "net.netfilter.nf_conntrack_max")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDoctorFlood fills a table fast, past a listener with little room, and
// expects doctor to say when the table is full, who fills it, and that events
// were lost; and nothing of it when the flood is over.
func TestDoctorFlood(t *testing.T) {
	g, err := lab.NewGenerator(lab.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	// Full within three minutes, whatever the host allows.
	rate := hostMax(t) / 180
	t.Run("flood", func(t *testing.T) {
		busy(t, func(ctx context.Context) {
			_, _ = g.Generate(ctx, lab.GenConfig{Flows: 60 * rate, Rate: rate})
			<-ctx.Done() // no more than this: the table is not to be full
		})
		waitFor(t, "flows", func() bool { return entries(t, g.Namespace()) != "0" })
		d := doctorIn(t, nil, "--netns", g.Namespace().Path(), "--capture", "socket", "--buffer-size", "4096")
		if c := d.check(t, "growth"); c.Level != "warn" || !strings.Contains(c.Text, "at this rate it is full in ") {
			t.Errorf("%+v", c)
		}
		if c := d.check(t, "queue"); c.Level != "fail" || !strings.HasSuffix(c.Text, " lost") || c.Evidence["lost"] == 0.0 {
			t.Errorf("%+v", c)
		}
		if c := d.check(t, "who"); !strings.HasPrefix(c.Text, "from 198.18.0.1 100 %; to 198.18.10.2 100 %; by port ") {
			t.Errorf("%+v", c)
		}
		if c := d.check(t, "reclaim"); !strings.HasPrefix(c.Text, "100 % of the flows could go: ") {
			t.Errorf("%+v", c)
		}
	})
	d := doctorIn(t, nil, "--netns", g.Namespace().Path())
	for _, id := range []string{"growth", "queue"} {
		if c := d.check(t, id); c.Level != "ok" {
			t.Errorf("after the flood: %+v", c)
		}
	}
}

// TestDoctorDocs holds the page's table to the checks, in their order.
func TestDoctorDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(house, "docs", "doctor.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented, made []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+(?:\\.[a-z]+)*)`(?: |…)|^\\| `(counter)\\.…`").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, m[1]+m[2])
	}
	for _, c := range doctor.Diagnose(&doctor.Snapshot{}, doctor.DefaultLimits) {
		name, _, isCounter := strings.Cut(c.ID, ".")
		if !isCounter || name != "counter" {
			name = c.ID
		}
		if !slices.Contains(made, name) {
			made = append(made, name)
		}
	}
	if !slices.Equal(documented[:min(len(made), len(documented))], made) {
		t.Errorf("the page has\n%q\nthe checks are\n%q", documented, made)
	}
}

// TestDoctorWho expects those who fill the table to be named, and what of it
// could go.
func TestDoctorWho(t *testing.T) {
	l := lab.NewWith(t, lab.Config{})
	manyUDP(t, l.Gateway, 60)
	flowsUDP(t, l, 20)
	d := doctorIn(t, l)
	var who struct {
		Sources, Ports, States []struct {
			Name  string
			Flows int
			Over  int
		}
	}
	text, err := json.Marshal(d.check(t, "who").Evidence)
	if err == nil {
		err = json.Unmarshal(text, &who)
	}
	if err != nil || who.Sources[0].Name != "192.0.2.1" || who.Sources[0].Flows != 60 || who.Sources[1].Flows != 20 || who.Ports[0].Name != "udp dport 53" || who.Ports[0].Flows != 80 {
		t.Errorf("%v: %s", err, text)
	}
	if c := d.check(t, "table"); c.Evidence["entries"] != 80.0 {
		t.Errorf("%+v", c)
	}
	if c := d.check(t, "reclaim"); c.Evidence["flows"] != 80.0 {
		t.Errorf("%+v", c)
	}
}

// TestDoctorHealthy expects nothing wrong of a gateway that is busy and well.
func TestDoctorHealthy(t *testing.T) {
	l := lab.NewWith(t, lab.Config{Acct: true, Timestamp: true, Helpers: true, ShortTimeouts: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = l.Run(ctx, lab.Traffic{Rate: 100, Seed: 7}) }()
	defer func() { cancel(); <-done }()
	d := doctorIn(t, l, "--for", "3s")
	for _, c := range d.Checks {
		if c.Level == "fail" || c.Level == "skip" && !strings.HasPrefix(c.ID, "counter.") {
			t.Errorf("%+v", c)
		}
	}
	if n, _ := d.check(t, "events").Evidence["seen"].(float64); n < 50 || d.code != 0 {
		t.Errorf("%v events, exit code %d", n, d.code)
	}
}

// TestDoctorDenied expects one who may not look to be told so, and what.
func TestDoctorDenied(t *testing.T) {
	var p *process
	if err := onThread(func() error {
		if err := childrenArePlain(); err != nil {
			return err
		}
		p = start(t, nil, "doctor")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	text := p.rest(t)
	if code := p.wait(t); code != exitFailure || !strings.HasPrefix(text, "✗ privilege           flows, rules and events can't be read: ") ||
		!strings.Contains(text, "CAP_NET_ADMIN is missing") || !strings.Contains(text, "\n- others              not looked at: it takes the privilege that is missing (hook, ring, queue, ") || strings.Count(text, "CAP_NET_ADMIN") != 1 {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}

// TestDoctorCommandsParse holds the filters of the commands that doctor gives to
// what filters are.
func TestDoctorCommandsParse(t *testing.T) {
	for _, text := range []string{"status offload", "unreplied", "event new", "udp dport 53"} {
		if _, err := filter.Parse(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
