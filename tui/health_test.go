package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"natlens/monitor"
)

// fakeHealth is a kernel that says what the test wants.
type fakeHealth struct {
	reading HealthReading
	err     error
	looks   int

	reason, command string
	asked           int
}

func (f *fakeHealth) Look(context.Context) (HealthReading, error) {
	f.looks++
	return f.reading, f.err
}

func (f *fakeHealth) Quiet(context.Context) (string, string, error) {
	f.asked++
	return f.reason, f.command, nil
}

type fakeFindings []monitor.Finding

func (f fakeFindings) Snapshot() []monitor.Finding { return f }
func (f fakeFindings) Version() uint64             { return 1 }

// unwell is a gateway with something of everything.
func unwell(c *Config) {
	c.Health = &fakeHealth{reading: HealthReading{
		Entries: 31207, Max: 262144,
		Counters: []HealthCounter{
			{Name: "drop", Means: "packets are dropped", Total: 7},
			{Name: "insert_failed", Means: "new flows are dropped, because another packet's flow took their place first, or NAT ran out of ports for them", Total: 20, Level: HealthWarn,
				Command: "natlens watch event new"},
			{Name: "invalid", Means: "packets belong to no connection that the kernel could follow: out of window, or routed another way back", Total: 5000},
		},
		Checks: []HealthCheck{
			{HealthFail, "events", "no flow sends events: nf_conntrack_events is 0; flows that begin from its change on do", "sysctl -w net.netfilter.nf_conntrack_events=1"},
			{HealthWarn, "acct", "packets and bytes are not counted: nf_conntrack_acct is 0; flows that begin from its change on have counters", "sysctl -w net.netfilter.nf_conntrack_acct=1"},
		},
	}}
	c.Findings = fakeFindings{
		{Rule: "snat-ports", Severity: monitor.SeverityFail, Subject: "203.0.113.1 tcp", Text: "203.0.113.1 has 61,011 of 64,512 TCP ports in use towards 203.0.113.9:443",
			Why: "one public address has so many ports towards one destination: add addresses, or have clients reuse connections", Filter: "tcp and snat", Since: stageNow - 192e9},
		{Rule: "syn-unanswered", Severity: monitor.SeverityWarn, Subject: "203.0.113.66:443", Text: "203.0.113.66:443 answers none of 12 handshakes of 3 hosts",
			Why: "the server is down, a firewall drops the packets, or the answers take a way around this gateway", Filter: "tcp and dst 203.0.113.66 and state syn_sent", Since: stageNow - 61e9},
		{Rule: "snat-clash", Severity: monitor.SeverityInfo, Subject: "203.0.113.1", Text: "12 of 40 source ports are rewritten\x1b[2J", Filter: "snat", Since: stageNow - 3e9},
	}
}

// history plays n seconds up to now, with as many flows and events as a busy day
// has.
func (st *stage) history(n int) {
	h := &st.s.health
	h.line = timeline{}
	var seen kindCounts
	for i := range n + 1 {
		load := uint64(i*i%97 + i/3)
		if n > 200 && i > 200 && i < 260 {
			load *= 4
		}
		seen.created, seen.updated, seen.destroyed = seen.created+load, seen.updated+2*load, seen.destroyed+load/2
		h.line.sample(st.now-monitor.Time(n-i)*1e9, 20000+20*load, seen)
	}
	h.line.at = st.now
	kinds := &st.s.cfg.Tail.kinds // the next frame looks there
	kinds[monitor.KindNew], kinds[monitor.KindUpdate], kinds[monitor.KindDestroy] = seen.created, seen.updated, seen.destroyed
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
		{"health-well", "5", func(st *stage) { st.history(600) }, func(c *Config) { c.Health = &fakeHealth{reading: HealthReading{Entries: 250000, Max: 262144}} }},
		{"health-recording", "5", func(st *stage) { st.history(30) }, func(c *Config) { c.Findings = fakeFindings{} }},
		{"health-begin", "5", func(*stage) {}, unwell},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t, c.with)
			st.gateway()
			if h, ok := st.s.cfg.Health.(*fakeHealth); ok && len(h.reading.Counters) > 0 {
				st.s.health.moved = movedCounters{[]countersAt{{st.now - 300e9, map[string]uint64{"drop": 7, "insert_failed": 3, "invalid": 3796}}}}
			}
			c.play(st)
			st.s.note = "" // that there is something to see on this page
			st.press(c.keys)
			st.goldenScreens(c.name, func() { // another size may begin at the top
				st.press("<up>")
				st.press(strings.TrimPrefix(c.keys, "5"))
			})
		})
	}
}

// TestHealthLeadsToFlows expects that a finding's filter takes the place of the
// one that stands, by one key; that a check has no flows; and that the cursor
// stays on its item.
func TestHealthLeadsToFlows(t *testing.T) {
	st := newStage(t, unwell)
	st.gateway()
	st.press("/udp<enter>5<down>") // the check of events is first but one
	if it := st.pages[4].(*healthPage).item(); it == nil || it.name != "events" {
		t.Fatalf("%+v", it)
	}
	st.press("<enter>")
	if st.open != 4 || st.s.text != "udp" || !strings.Contains(st.screen(), "events is not about single flows") {
		t.Errorf("page %d, filter %q\n%s", st.open, st.s.text, st.screen())
	}
	st.press("<home><enter>")
	if st.open != 0 || st.s.text != "tcp and snat" || !strings.Contains(st.screen(), "tcp and snat") {
		t.Errorf("page %d, filter %q", st.open, st.s.text)
	}
	st.press("<esc>")
	if st.open != 4 || st.s.text != "udp" {
		t.Errorf("esc leads to page %d, filter %q", st.open, st.s.text)
	}
	st.press("5<down><down>")
	f := st.s.cfg.Findings.(fakeFindings)
	name := st.pages[4].(*healthPage).item().name
	st.s.cfg.Findings = f[:2]
	st.frame()
	if it := st.pages[4].(*healthPage).item(); it.name != name {
		t.Errorf("the cursor was on %s and is on %s", name, it.name)
	}
}

// TestHealthAsks expects a look every two seconds, whatever page is open, and an
// error on the page.
func TestHealthAsks(t *testing.T) {
	h := &fakeHealth{}
	st := newStage(t, func(c *Config) { c.Health = h })
	for range 40 {
		st.frame()
		st.now += 1e8
	}
	if h.looks != 2 {
		t.Errorf("%d looks in 4 s", h.looks)
	}
	h.err = errors.New("join: no more")
	st.now += 3e9
	st.press("5")
	st.frame()
	st.frame()
	if !strings.Contains(st.screen(), "the kernel could not be asked: join: no more") {
		t.Error(st.screen())
	}
}

// TestAdvice expects what a command mends above the page when the UI begins, the
// gravest first, with the command, in a line if that has room, and escaped; and room for the
// flows once it has been there for ten seconds, or stands on the page that is open.
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
			st := newStage(t, func(c *Config) { c.Health = h })
			st.gateway()
			before := strings.Split(st.screen(), "\n")[2]
			h.reading.Checks = []HealthCheck{
				{HealthFail, "events", "no flow sends events: nf_conntrack_events is 0\x1b[2J", "sysctl -w net.netfilter.nf_conntrack_events=1"},
				{HealthWarn, "acct", "packets and bytes are not counted: nf_conntrack_acct is 0; flows that begin from its change on have counters", "sysctl -w net.netfilter.nf_conntrack_acct=1"},
				{HealthNote, "helper", "no helper", ""},
				{HealthNote, "labels", "no labels", ""},
			}
			st.s.health.read, st.s.health.next = false, 0
			st.frame()
			if end.name == "time" {
				all := ""
				for _, size := range [][2]int{{60, 16}, {80, 24}, {160, 50}} {
					st.size(size[0], size[1])
					all += fmt.Sprintf("# %d×%d\n%s", size[0], size[1], st.screen())
				}
				golden(t, "screens/advice.txt", all)
				st.size(80, 24)
			}
			if !strings.Contains(st.screen(), "nf_conntrack_acct=1") {
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
		if got := strings.TrimSpace(lines[2]) + " " + strings.TrimSpace(lines[3]); !strings.HasPrefix(got, `history /var/lib/natlens: no space left on device\x1b[2J; translations are held in memory until it can be written`) {
			t.Errorf("page %s:\n%s", page, st.screen())
		}
	}
	st.now += 5e9
	st.frame()
	if !strings.Contains(st.screen(), "no space left") || !strings.Contains(st.screen(), "nothing seen for 5s: no flow sends events → sysctl") {
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
	h := &fakeHealth{reason: "nothing is tracked here: no rule of nftables or iptables in this network namespace turns conntrack on",
		command: "nft 'add table inet tracking; add chain inet tracking on; add rule inet tracking on ct state new'"}
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
	golden(t, "screens/quiet.txt", all)
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

func TestTimeline(t *testing.T) {
	var l timeline
	l.sample(100e9, 5, kindCounts{created: 1000})
	l.sample(100.5e9, 6, kindCounts{created: 1100})
	if l.flows != 6 || l.seen.created != 1100 || l.n != 0 {
		t.Errorf("within the first second: %d flows, %+v, %d seconds", l.flows, l.seen, l.n)
	}
	l.sample(102e9, 7, kindCounts{created: 1100, updated: 50, destroyed: 50})
	if l.flows != 7 || l.seen.updated != 50 {
		t.Errorf("as of the last sample: %d flows, %+v", l.flows, l.seen)
	}
	if l.n != 2 || l.seconds[1] != (moment{7, 100}) || l.at != 102e9 {
		t.Errorf("%d seconds, %+v", l.n, l.seconds[:3])
	}
	values, known := l.values(300, func(m *moment) uint64 { return m.events })
	if known != 10 || values[299] != 100 || values[290] != 100 || values[289] != 0 { // two of 60 seconds
		t.Errorf("%d known, %v", known, values[296:])
	}
	l.sample(2000e9, 9, kindCounts{created: 1100, updated: 50, destroyed: 50})
	if _, known := l.values(300, func(m *moment) uint64 { return m.events }); l.n != timelineSeconds || known != 300 {
		t.Errorf("%d seconds, %d cells", l.n, known)
	}
	l.sample(2001e9, 9, kindCounts{created: 30})
	if last := l.seconds[(l.head-1+timelineSeconds)%timelineSeconds]; last != (moment{9, 30}) {
		t.Errorf("counted anew: %+v", last)
	}
	l.sample(50e9, 1, kindCounts{})
	if l.n != 0 || l.at != 50e9 {
		t.Errorf("sought backwards: %d seconds at %d", l.n, l.at)
	}
}

func TestChart(t *testing.T) {
	for _, c := range []struct {
		values []uint64
		known  int
		height int
		want   string
	}{
		{[]uint64{0, 0, 1, 4, 8}, 3, 1, "  ▁▄█"},
		{[]uint64{9, 0, 1, 1000}, 4, 1, "▁·▁█"},
		{[]uint64{0, 4, 8, 12, 16}, 5, 2, "   ▄█|·▄███"},
		{[]uint64{0, 0}, 2, 2, "  |··"},
		{[]uint64{0, 0}, 0, 1, "  "},
	} {
		if got := strings.Join(chart(c.values, c.known, c.height), "|"); got != c.want {
			t.Errorf("%v: got %q, want %q", c.values, got, c.want)
		}
	}
}

// TestHealthGoesOn has the clock put back by an hour: the kernel is asked all the same.
func TestHealthGoesOn(t *testing.T) {
	f := &fakeHealth{}
	st := newStage(t, func(c *Config) { c.Health = f })
	st.frame()
	before := f.looks
	st.now -= 3600e9
	st.frame()
	if before == 0 || f.looks != before+1 {
		t.Errorf("asked %d times before, %d in all", before, f.looks)
	}
}
