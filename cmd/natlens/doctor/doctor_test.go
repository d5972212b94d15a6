//go:build linux

package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
	"natlens/monitor/translation/translationtest"
)

// diagnosis is what natlens doctor -o json says.
type diagnosis struct {
	V       int
	Verdict string
	Checks  []diagnosed
}

type diagnosed struct {
	ID, Level, Text, Command string
	Evidence                 map[string]any
}

// diagnose runs natlens doctor in a namespace.
func diagnose(t *testing.T, ns *lab.Namespace, args ...string) *diagnosis {
	t.Helper()
	args = append([]string{"-o", "json", "--for", "300ms", "--netns", ns.Path()}, args...)
	got := clitest.Run(t.Context(), New, "", args...)
	d := new(diagnosis)
	if err := json.Unmarshal([]byte(got.Stdout), d); err != nil || d.V != 1 {
		t.Fatalf("%v: %s; %v, standard error: %s", err, got.Stdout, got.Err, got.Stderr)
	}
	if wrong := d.Verdict == "fail"; wrong != (got.Code() == cli.ExitFailure) {
		t.Errorf("the verdict is %s and the exit code %d", d.Verdict, got.Code())
	}
	return d
}

// entries are how many flows the kernel has of a namespace.
func entries(t *testing.T, ns *lab.Namespace) string {
	t.Helper()
	n, err := ns.ReadSysctl("net.netfilter.nf_conntrack_count")
	if err != nil {
		t.Fatal(err)
	}
	return n
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

func jsonText(v any) string {
	b, _ := json.Marshal(v)
	return strings.Trim(string(b), `"`)
}

func oneTCP(t *testing.T, l *lab.Lab, to netip.AddrPort) {
	t.Helper()
	if _, err := l.SYNOnce(t.Context(), lab.TCP{To: netip.AddrPortFrom(lab.Blackhole, to.Port())}); err != nil {
		t.Fatal(err)
	}
}

// hostMax is how many flows the kernel allows.
func hostMax(t *testing.T) int {
	t.Helper()
	text, err := netns.ReadSysctl(0, "net.netfilter.nf_conntrack_max")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFlood fills a table fast, past a listener with little room, and
// expects doctor to say when the table is full, who fills it, and that events
// were lost; and nothing of it when the flood is over.
func TestFlood(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	// Full within three minutes, whatever the host allows.
	rate := hostMax(t) / 180
	t.Run("flood", func(t *testing.T) {
		labtest.Busy(t, func(ctx context.Context) {
			_, _ = g.Generate(ctx, labtest.GenConfig{Flows: 60 * rate, Rate: rate})
			<-ctx.Done() // no more than this: the table is not to be full
		})
		labtest.WaitFor(t, "flows", func() bool { return entries(t, g.Namespace()) != "0" })
		d := diagnose(t, g.Namespace(), "--capture", "socket", "--buffer-size", "4096")
		if c := d.Check(t, "growth"); c.Level != "warn" || c.Evidence["full_in_seconds"] == nil {
			t.Errorf("%+v", c)
		}
		if c := d.Check(t, "queue"); c.Level != "fail" || c.Evidence["lost"] == 0.0 {
			t.Errorf("%+v", c)
		}
		c := d.Check(t, "who")
		for group, name := range map[string]string{"sources": "198.18.0.1", "destinations": "198.18.10.2"} {
			if all := jsonText(c.Evidence[group]); strings.Count(all, `"name":`) != 1 || !strings.Contains(all, `"`+name+`"`) {
				t.Errorf("%s: %s", group, all)
			}
		}
		if c := d.Check(t, "reclaim"); c.Evidence["unreplied"] != c.Evidence["flows"] {
			t.Errorf("%+v", c)
		}
	})
	d := diagnose(t, g.Namespace())
	for _, id := range []string{"growth", "queue"} {
		if c := d.Check(t, id); c.Level != "ok" {
			t.Errorf("after the flood: %+v", c)
		}
	}
}

// TestDocs holds the page's table to the checks, in their order.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, made []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+(?:\\.[a-z]+)*)`(?: |…)|^\\| "+
		"`(counter)\\.…`").FindAllStringSubmatch(string(page), -1) {
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

// TestWho expects those who fill the table to be named, and what of it
// could go.
func TestWho(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	s, err := kernel.OpenService(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	timeout := uint32(590)
	for port := uint16(1000); port < 1060; port++ {
		from, to := fmt.Sprintf("192.0.2.1:%d", port), "198.51.100.2:53"
		f := translationtest.Flow(from, to, from, to)
		f.Orig.Proto, f.Reply.Proto = monitor.UDP, monitor.UDP
		if err := s.Create(t.Context(), &f, &kernel.Change{Timeout: &timeout}); err != nil {
			t.Fatal(err)
		}
	}
	labtest.FlowsUDP(t, l, 20)
	d := diagnose(t, l.Gateway)
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
	if err != nil || who.Sources[0].Name != "192.0.2.1" || who.Sources[0].Flows != 60 ||
		who.Sources[1].Flows != 20 || who.Ports[0].Name != "udp dport 53" || who.Ports[0].Flows != 80 {
		t.Errorf("%v: %s", err, text)
	}
	if c := d.Check(t, "table"); c.Evidence["entries"] != 80.0 {
		t.Errorf("%+v", c)
	}
	if c := d.Check(t, "reclaim"); c.Evidence["flows"] != 80.0 {
		t.Errorf("%+v", c)
	}
}

// TestHealthy expects nothing wrong of a gateway that is busy and well.
func TestHealthy(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{Acct: true, Timestamp: true, Helpers: true, ShortTimeouts: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = l.Run(ctx, lab.Traffic{Rate: 100, Seed: 7}) }()
	defer func() { cancel(); <-done }()
	d := diagnose(t, l.Gateway, "--for", "3s")
	for _, c := range d.Checks {
		if c.Level == "fail" || c.Level == "skip" && !strings.HasPrefix(c.ID, "counter.") {
			t.Errorf("%+v", c)
		}
	}
	if n, _ := d.Check(t, "events").Evidence["seen"].(float64); n < 50 {
		t.Errorf("%v events", n)
	}
}
