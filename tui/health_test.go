package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/tui/health"
	"natlens/tui/paint"
	"natlens/tui/tail"
)

// fakeHealth is a kernel that says what the test wants.
type fakeHealth struct {
	reading health.Reading
	err     error
	reads   int

	reason, command string
	asked           int
}

func (f *fakeHealth) Read(context.Context) (health.Reading, error) {
	f.reads++
	return f.reading, f.err
}

func (f *fakeHealth) Quiet(context.Context) (string, string, error) {
	f.asked++
	return f.reason, f.command, nil
}

type fakeFindings struct{ all []monitor.Finding }

func (f *fakeFindings) Snapshot() []monitor.Finding { return f.all }

// unwell is a gateway with something of everything.
func unwell(c *Config) {
	c.Health = &fakeHealth{reading: health.Reading{
		Tables: []health.Table{{Entries: 31207, Max: 262144}},
		CPUs: map[uint16]map[string]uint64{0: {"found": 1, "insert_failed": 17, "invalid": 2000, "drop": 0},
			1: {"found": 0, "insert_failed": 3, "invalid": 3000, "drop": 7}},
		Counters: []health.Counter{
			{Name: "drop", Means: "packets are dropped", Total: 7},
			{
				Name:    "insert_failed",
				Means:   "new flows are dropped, because another packet's flow took their place first, or NAT ran out of ports for them",
				Total:   20,
				Level:   monitor.SeverityWarn,
				Command: "natlens watch event new",
			},
			{
				Name:  "invalid",
				Means: "packets belong to no connection that the kernel could follow: out of window, or routed another way back",
				Total: 5000,
			},
		},
		Checks: []monitor.Finding{
			{
				Severity: monitor.SeverityFail,
				Rule:     "events",
				Text:     "no flow sends events: nf_conntrack_events is 0; flows that begin from its change on do",
				Command:  "sysctl -w net.netfilter.nf_conntrack_events=1",
			},
			{
				Severity: monitor.SeverityWarn,
				Rule:     "acct",
				Text:     "packets and bytes are not counted: nf_conntrack_acct is 0; flows that begin from its change on have counters",
				Command:  "sysctl -w net.netfilter.nf_conntrack_acct=1",
			},
		},
	}}
	c.Findings = &fakeFindings{[]monitor.Finding{
		{
			Rule:     "snat-ports",
			Severity: monitor.SeverityFail,
			Subject:  "203.0.113.1 tcp",
			Text:     "203.0.113.1 has 61,011 of 64,512 TCP ports in use towards 203.0.113.9:443",
			Why:      "one public address has so many ports towards one destination: add addresses, or have clients reuse connections",
			Filter:   "tcp and snat",
			Since:    stageNow - 192e9,
		},
		{
			Rule:     "syn-unanswered",
			Severity: monitor.SeverityWarn,
			Subject:  "203.0.113.66:443",
			Text:     "203.0.113.66:443 answers none of 12 handshakes of 3 hosts",
			Why:      "the server is down, a firewall drops the packets, or the answers take a way around this gateway",
			Filter:   "tcp and dst 203.0.113.66 and state syn_sent",
			Since:    stageNow - 61e9,
		},
		{
			Rule:     "snat-clash",
			Severity: monitor.SeverityInfo,
			Subject:  "203.0.113.1",
			Text:     "12 of 40 source ports are rewritten\x1b[2J",
			Filter:   "snat",
			Since:    stageNow - 3e9,
		},
	}}
}

// history plays n seconds up to now, with as many flows and events as a busy day
// has.
func (st *stage) history(n int) {
	st.watch.Line = health.Timeline{}
	var seen tail.Counts
	for i := range n + 1 {
		load := uint64(i*i%97 + i/3)
		if n > 200 && i > 200 && i < 260 {
			load *= 4
		}
		seen.Created, seen.Updated, seen.Destroyed = seen.Created+load, seen.Updated+2*load, seen.Destroyed+load/2
		st.watch.Line.Sample(st.now-monitor.Time(n-i)*1e9, 20000+20*load, load/200, seen)
	}
	seen.Lost = 2844
	st.watch.Counts = func() tail.Counts { return seen }
}

func TestHealthScreens(t *testing.T) {
	for _, c := range []struct {
		name string
		keys string
		play func(*stage)
		with func(*Config)
	}{
		{"health", "5", func(st *stage) { st.history(600) }, unwell},
		{"health-cursor", "5<down><down>", func(st *stage) { st.history(90) }, unwell},
		{"health-well", "5", func(st *stage) { st.history(600) }, func(c *Config) {
			c.Health = &fakeHealth{reading: health.Reading{Tables: []health.Table{{Entries: 250000, Max: 262144}}}}
		}},
		{"health-recording", "5", func(st *stage) { st.history(30) }, func(c *Config) { c.Findings = &fakeFindings{} }},
		{"health-begin", "5", func(*stage) {}, unwell},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t, c.with)
			st.gateway()
			if h, ok := st.cfg.Health.(*fakeHealth); ok && len(h.reading.Counters) > 0 {
				st.watch.Moved = health.Moved{}
				st.watch.Moved.Note(
					st.now-300e9,
					[]health.Counter{{Name: "drop", Total: 7}, {Name: "insert_failed", Total: 3}, {Name: "invalid", Total: 3796}},
				)
			}
			c.play(st)
			st.s.Report(paint.Text, "") // that there is something to see on this page
			st.press(c.keys)
			st.goldenScreens(c.name, func() { // another size may begin at the top
				st.press("<up>")
				st.press(strings.TrimPrefix(c.keys, "5"))
			})
		})
	}
}

// TestHealthLeadsToFlows expects that a finding's filter takes the place of the
// one that is there, by one key; that a check has no flows; and that the cursor
// stays on its item.
func TestHealthLeadsToFlows(t *testing.T) {
	st := newStage(t, unwell)
	st.gateway()
	st.press("/udp<enter>5<down>") // the check of events is first but one
	if it := st.cursor(); !strings.HasPrefix(it, "✗ events") {
		t.Fatal(it)
	}
	st.press("<enter>")
	if st.s.Open != 4 || st.s.Text != "udp" {
		t.Errorf("page %d, filter %q\n%s", st.s.Open, st.s.Text, st.screen())
	}
	st.foot("no flows")
	st.press("<home><enter>")
	if st.s.Open != 0 || st.s.Text != "tcp and snat" || !strings.Contains(st.screen(), "tcp and snat") {
		t.Errorf("page %d, filter %q", st.s.Open, st.s.Text)
	}
	st.press("<esc>")
	if st.s.Open != 4 || st.s.Text != "udp" {
		t.Errorf("esc leads to page %d, filter %q", st.s.Open, st.s.Text)
	}
	st.press("5<down><down>")
	st.press("<home>" + strings.Repeat("<down>", 5)) // below the problems
	if it := st.cursor(); !strings.HasPrefix(it, "· most flows") || !strings.Contains(it, " 10.0.0.5: 2 flows, 22 %") {
		t.Error(it)
	}
	st.press("<enter>")
	if st.s.Open != 0 || st.s.Text != "src 10.0.0.5" || st.s.Matched != 2 {
		t.Errorf("page %d, filter %q, %d flows", st.s.Open, st.s.Text, st.s.Matched)
	}
	st.press("<esc><home><down><down>")
	f := st.cfg.Findings.(*fakeFindings)
	name := strings.Fields(st.cursor())[1]
	f.all = f.all[:2]
	st.frame()
	if it := st.cursor(); strings.Fields(it)[1] != name {
		t.Errorf("the cursor was on %s and is on %s", name, it)
	}
}

// TestHealthAsks expects a reading every two seconds, whatever page is open, and an
// error on the page.
func TestHealthAsks(t *testing.T) {
	h := &fakeHealth{}
	st := newStage(t, func(c *Config) { c.Health = h })
	for range 40 {
		st.frame()
		st.now += 1e8
	}
	if h.reads != 2 {
		t.Errorf("%d readings in 4 s", h.reads)
	}
	h.err = errors.New("join: no more")
	st.now += 3e9
	st.press("5")
	st.frame()
	st.frame()
	if !strings.Contains(st.screen(), "cannot read the kernel's state: join: no more") {
		t.Error(st.screen())
	}
}

// TestAdvice expects what a command mends above the page when the UI begins, the
// gravest first, with the command, in a line if that has room, and escaped; and room for the
// flows once it has been there for ten seconds, or the page that has it is open.
func TestAdvice(t *testing.T) {
	for _, end := range []struct {
		name string
		ends func(*stage)
	}{
		{"time", func(st *stage) { st.now += 10e9; st.frame() }},
		{"page", func(st *stage) { st.press("5") }},
	} {
		t.Run(end.name, func(t *testing.T) {
			h := &fakeHealth{}
			st := newStage(t)
			st.gateway()
			before := st.line(2)
			h.reading.Checks = []monitor.Finding{
				{
					Severity: monitor.SeverityFail,
					Rule:     "events",
					Text:     "no flow sends events: nf_conntrack_events is 0\x1b[2J",
					Command:  "sysctl -w net.netfilter.nf_conntrack_events=1",
				},
				{
					Severity: monitor.SeverityWarn,
					Rule:     "acct",
					Text:     "packets and bytes are not counted: nf_conntrack_acct is 0; flows that begin from its change on have counters",
					Command:  "sysctl -w net.netfilter.nf_conntrack_acct=1",
				},
				{Severity: monitor.SeverityInfo, Rule: "helper", Text: "no helper", Command: ""},
				{Severity: monitor.SeverityInfo, Rule: "labels", Text: "no labels", Command: ""},
			}
			st = newStage(t, func(c *Config) { c.Health = h })
			st.gateway()
			if end.name == "time" {
				all := ""
				for _, size := range [][2]int{{60, 16}, {80, 24}, {160, 50}} {
					st.size(size[0], size[1])
					all += fmt.Sprintf("# %d×%d\n%s", size[0], size[1], st.screen())
				}
				golden.File(t, "screens/advice.txt", all)
				st.size(80, 24)
			}
			if !strings.Contains(st.screen(), "nf_conntrack_events=1") {
				t.Fatal(st.screen())
			}
			end.ends(st)
			st.press("1")
			if got := strings.Split(st.screen(), "\n")[2]; got != before {
				t.Errorf("%q instead of %q", got, before)
			}
		})
	}
}

// TestTrouble expects what goes wrong beside the flows above every page, escaped,
// beside the reason for silence, and no word of it when it is over.
func TestTrouble(t *testing.T) {
	trouble := ""
	st := newStage(t, func(c *Config) {
		c.Trouble = func() string { return trouble }
		c.Health = &fakeHealth{reason: "no flow sends events", command: "sysctl"}
	})
	st.stats.Events, st.stats.Existing = 3, 3
	st.frame()
	before := st.screen()
	trouble = "history /var/lib/natlens: no space left on device\x1b[2J; translations are held in memory until it can be written"
	st.frame()
	for _, page := range []string{"2", "3", "4", "5", "1"} {
		st.press(page)
		lines := strings.Split(st.screen(), "\n")
		if got := strings.TrimSpace(lines[2]) + " " + strings.TrimSpace(lines[3]); !strings.HasPrefix(
			got,
			`history /var/lib/natlens: no space left on device\x1b[2J; translations are held in memory until it can be written`,
		) {
			t.Errorf("page %s:\n%s", page, st.screen())
		}
	}
	st.now += 5e9
	st.frame()
	if !strings.Contains(st.screen(), "no space left") ||
		!strings.Contains(st.screen(), "nothing seen for 5s: no flow sends events → sysctl") {
		t.Error(st.screen())
	}
	st.stats.Events++
	st.frame()
	if !strings.Contains(st.screen(), "no space left") || strings.Contains(st.screen(), "nothing seen") {
		t.Error(st.screen())
	}
	trouble = ""
	st.frame()
	if heads := func(screen string) string { return strings.Split(screen, "\n")[2] }; heads(st.screen()) != heads(before) {
		t.Errorf("it is over:\n%s\nbefore:\n%s", st.screen(), before)
	}
}

// TestQuiet expects the reason with its command on every page when nothing has
// come for five seconds, another one when that is mended, and none once something
// comes.
func TestQuiet(t *testing.T) {
	h := &fakeHealth{
		reason:  "nothing is tracked here: no rule of nftables or iptables in this network namespace turns conntrack on",
		command: "nft 'add table inet tracking; add chain inet tracking on; add rule inet tracking on ct state new'",
	}
	st := newStage(t, func(c *Config) { c.Health = h })
	st.stats.Events, st.stats.Existing = 3, 3 // the flows of before are no events
	st.frame()
	st.now += 4e9
	st.frame()
	if h.asked != 0 || strings.Contains(st.screen(), "nothing seen") {
		t.Errorf("asked %d times after 4 s", h.asked)
	}
	st.now += 1e9
	st.frame()
	all := ""
	for _, size := range [][2]int{{60, 16}, {80, 24}, {160, 50}} {
		st.size(size[0], size[1])
		all += fmt.Sprintf("# %d×%d\n%s", size[0], size[1], st.screen())
	}
	golden.File(t, "screens/quiet.txt", all)
	for _, page := range []string{"2", "3", "4", "5", "1"} {
		st.press(page)
		if !strings.Contains(st.screen(), "nothing seen for 5s: nothing is tracked here") {
			t.Errorf("page %s:\n%s", page, st.screen())
		}
	}
	h.reason, h.command = "no flow sends events", "sysctl"
	st.now += 5e9
	st.frame()
	if !strings.Contains(st.screen(), "nothing seen for 5s: no flow sends events → sysctl") || h.asked != 2 {
		t.Errorf("asked %d times\n%s", h.asked, st.screen())
	}
	st.stats.Events++
	st.frame()
	if strings.Contains(st.screen(), "nothing seen") {
		t.Error(st.screen())
	}
	st.now += 60e9
	st.frame()
	if h.asked != 2 {
		t.Errorf("asked %d times", h.asked)
	}
}

// TestHealthGoesOn has the clock put back by an hour: the kernel is asked all the same.
func TestHealthGoesOn(t *testing.T) {
	f := &fakeHealth{}
	st := newStage(t, func(c *Config) { c.Health = f })
	st.frame()
	before := f.reads
	st.now -= 3600e9
	st.frame()
	if before == 0 || f.reads != before+1 {
		t.Errorf("asked %d times before, %d in all", before, f.reads)
	}
}
