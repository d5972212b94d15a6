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

	"github.com/google/nftables"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/doctor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// diagnosis is what natlens doctor -o json says.
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
	p := start(t, l, append([]string{"doctor", "-o", "json", "--for", "300ms"}, args...)...)
	text := p.rest(t)
	d := &diagnosis{code: p.wait(t)}
	if err := json.Unmarshal([]byte(text), d); err != nil || d.V != 1 {
		t.Fatalf("%v: %s; standard error: %s", err, text, p.stderr.String())
	}
	if wrong := d.Verdict == "fail"; wrong != (d.code == cli.ExitFailure) {
		t.Errorf("the verdict is %s and the exit code %d", d.Verdict, d.code)
	}
	return d
}

func (d *diagnosis) Check(t *testing.T, id string) diagnosed {
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
	words := strings.Fields(command)
	labtest.Need(t, words[0])
	if words[0] == "nsenter" { // nsenter --net=PATH PROGRAM
		labtest.Need(t, words[2])
	}
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
	if err := l.Gateway.NFT(func(c *nftables.Conn) error { c.FlushRuleset(); return nil }); err != nil {
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
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	// Full within three minutes, whatever the host allows.
	rate := hostMax(t) / 180
	t.Run("flood", func(t *testing.T) {
		busy(t, func(ctx context.Context) {
			_, _ = g.Generate(ctx, labtest.GenConfig{Flows: 60 * rate, Rate: rate})
			<-ctx.Done() // no more than this: the table is not to be full
		})
		waitFor(t, "flows", func() bool { return entries(t, g.Namespace()) != "0" })
		d := doctorIn(t, nil, "--netns", g.Namespace().Path(), "--capture", "socket", "--buffer-size", "4096")
		if c := d.Check(t, "growth"); c.Level != "warn" || !strings.Contains(c.Text, "full in ") {
			t.Errorf("%+v", c)
		}
		if c := d.Check(t, "queue"); c.Level != "fail" || !strings.HasSuffix(c.Text, " lost") || c.Evidence["lost"] == 0.0 {
			t.Errorf("%+v", c)
		}
		if c := d.Check(t, "who"); !strings.HasPrefix(c.Text, "from 198.18.0.1 100 %; to 198.18.10.2 100 %; by port ") {
			t.Errorf("%+v", c)
		}
		if c := d.Check(t, "reclaim"); !strings.HasPrefix(c.Text, "100 % of the flows could be deleted: ") {
			t.Errorf("%+v", c)
		}
	})
	d := doctorIn(t, nil, "--netns", g.Namespace().Path())
	for _, id := range []string{"growth", "queue"} {
		if c := d.Check(t, id); c.Level != "ok" {
			t.Errorf("after the flood: %+v", c)
		}
	}
}

// TestDoctorDocs holds the page's table to the checks, in their order.
func TestDoctorDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(top, "docs", "doctor.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented, made []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+(?:\\.[a-z]+)*)`(?: |…)|^\\| `(counter)\\.…`").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, m[1]+m[2])
	}
	for _, c := range doctor.Diagnose(&doctor.Snapshot{}) {
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
	l := labtest.NewWith(t, lab.Config{})
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
	text, err := json.Marshal(d.Check(t, "who").Evidence)
	if err == nil {
		err = json.Unmarshal(text, &who)
	}
	if err != nil || who.Sources[0].Name != "192.0.2.1" || who.Sources[0].Flows != 60 || who.Sources[1].Flows != 20 || who.Ports[0].Name != "udp dport 53" || who.Ports[0].Flows != 80 {
		t.Errorf("%v: %s", err, text)
	}
	if c := d.Check(t, "table"); c.Evidence["entries"] != 80.0 {
		t.Errorf("%+v", c)
	}
	if c := d.Check(t, "reclaim"); c.Evidence["flows"] != 80.0 {
		t.Errorf("%+v", c)
	}
}

// TestDoctorHealthy expects nothing wrong of a gateway that is busy and well.
func TestDoctorHealthy(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{Acct: true, Timestamp: true, Helpers: true, ShortTimeouts: true})
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
	if n, _ := d.Check(t, "events").Evidence["seen"].(float64); n < 50 || d.code != 0 {
		t.Errorf("%v events, exit code %d", n, d.code)
	}
}

// TestDoctorDenied checks the message for a user without the privilege.
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
	if code := p.wait(t); code != cli.ExitFailure || !strings.HasPrefix(text, "✗ privilege           flows, rules and events can't be read: ") ||
		!strings.Contains(text, "CAP_NET_ADMIN is missing") || !strings.Contains(text, "\n- others              not checked: it needs the privilege that is missing (hook, ring, queue, ") || strings.Count(text, "CAP_NET_ADMIN") != 1 {
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
