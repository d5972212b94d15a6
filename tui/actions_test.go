package tui

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/tui/paint"
)

type deleter struct {
	flows []string
	err   error
}

func (d *deleter) Delete(_ context.Context, f *monitor.Flow, _ monitor.Attrs) error {
	d.flows = append(d.flows, paint.End(f.Orig.Proto, f.From()).String())
	return d.err
}

// Esc takes back what f and enter added to the filter, step by step, to the page
// that it was done on; a filter that was typed stays.
func TestStepBack(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(120, 30)
	st.press("3ooo<enter>f")
	if want := "tcp and dport 443 and src 192.168.77.3"; st.s.Open != 0 || st.s.Text != want {
		t.Fatalf("page %d, filter %q, want %q", st.s.Open, st.s.Text, want)
	}
	st.press("<esc>")
	if want := "tcp and dport 443"; st.s.Open != 0 || st.s.Text != want {
		t.Errorf("back: page %d, filter %q, want %q", st.s.Open, st.s.Text, want)
	}
	if s := st.screen(); !strings.Contains(s, " esc back  enter detail") {
		t.Errorf("the way back is not named:\n%s", s)
	}
	st.press("<enter><esc>") // closes the detail
	st.press("<esc>")
	if st.s.Open != 2 || st.s.Text != "" {
		t.Errorf("back again: page %d, filter %q", st.s.Open, st.s.Text)
	}
	st.press("<esc>1f/ and snat<enter><esc>")
	if want := "src 192.168.77.3 and snat"; st.s.Open != 0 || st.s.Text != want {
		t.Errorf("after a filter was typed: page %d, filter %q, want %q", st.s.Open, st.s.Text, want)
	}
}

func TestHelpOpensPages(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(80, 24)
	st.press("?")
	if s := st.screen(); !strings.Contains(s, "only this value") {
		t.Errorf("no help:\n%s", s)
	}
	st.press("3")
	if st.help.open || st.s.Open != 2 {
		t.Errorf("after 3: help %v, page %d", st.help.open, st.s.Open)
	}
	st.press("?<down><down><esc>")
	if st.help.open || st.s.Open != 2 {
		t.Errorf("after esc: help %v, page %d", st.help.open, st.s.Open)
	}
}

func TestDelete(t *testing.T) {
	d := &deleter{}
	st := newStage(t, func(c *Config) { c.Deleter = d })
	st.gateway()
	st.press("x")
	st.foot("x")
	st.press("<esc>xq") // no, and a key that is no answer
	if len(d.flows) != 0 || st.quit {
		t.Fatalf("deleted without a yes: %v", d.flows)
	}
	st.press("y")
	if !slices.Equal(d.flows, []string{"192.168.77.3:4444"}) {
		t.Errorf("deleted %v:\n%s", d.flows, st.screen())
	}
	st.foot("y")
	d.err = errors.New("delete flow: operation not permitted\x1b[2J")
	st.press("xy")
	st.foot("an error")
}

// TestRules asks which rules decide about the flow of the detail.
func TestRules(t *testing.T) {
	var asked []string
	var fail error
	found := []monitor.Decision{{
		Hook: monitor.Postrouting, Text: "probable rule ip nat post handle 8: masquerade", Certainty: monitor.Probable,
	}}
	st := newStage(t, func(c *Config) {
		c.Rules = func(w *monitor.Walk) ([]monitor.Decision, error) {
			asked = append(asked, w.NAT.Kind.String())
			return found, fail
		}
	})
	st.gateway()
	st.size(80, 50)
	st.press("w")
	if asked != nil {
		t.Errorf("asked without a detail: %q", asked)
	}
	st.press("<enter>")
	if screen := st.screen(); strings.Contains(screen, "probable") || !strings.Contains(screen, "w which rule") {
		t.Errorf("before it is asked:\n%s", screen)
	}
	st.press("w")
	if screen := st.screen(); !strings.Contains(screen, "probable rule ip nat post handle 8: masquerade\n") {
		t.Errorf("no rule:\n%s", screen)
	}
	st.size(80, 18)
	st.press("w")
	if screen := st.screen(); !strings.Contains(screen, "probable rule ip nat post handle 8: masquerade\n") {
		t.Errorf("the rule is below the screen:\n%s", screen)
	}
	if !slices.Equal(asked, []string{"snat", "snat"}) {
		t.Errorf("asked for %q", asked)
	}
	other := st.detail.Flow
	other.Row.Gen++
	st.detail.Decide(other, nil)
	if !strings.Contains(st.screen(), "probable rule") {
		t.Errorf("the answer for another flow is taken:\n%s", st.screen())
	}
	fail = errors.New("nftables: operation not permitted\x1b[2J")
	st.press("w")
	st.foot("an error")
	fail, found = nil, nil
	st.press("w")
	st.foot("no rule")
}

// The sentences that explain the walk are hidden, until a key shows them in every detail.
func TestExplain(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(80, 50)
	shown := func() bool { return strings.Contains(st.screen(), "Conntrack looks a packet up once") }
	for _, step := range []struct {
		keys string
		want bool
	}{{"<enter>", false}, {"i", true}, {"<esc><down><enter>", true}, {"i", false}} {
		if st.press(step.keys); shown() != step.want {
			t.Errorf("after %s they are shown: %v\n%s", step.keys, !step.want, st.screen())
		}
	}
}

// With marked flows, the keys act on these: one question deletes, copies and exports all of them.
func TestMarked(t *testing.T) {
	d, files := &deleter{}, &disk{files: map[string]*file{}}
	st := newStage(t, func(c *Config) { c.Deleter, c.Exporter = d, files })
	st.gateway()
	st.size(120, 30)
	st.press("m<down>m<up>") // the first and the third; the cursor is on the third
	if s := st.screen(); strings.Count(s, "*\n") != 2 || !strings.Contains(s, "2 marked") {
		t.Errorf("marks:\n%s", s)
	}
	st.press("yf")
	const both = "proto tcp and src 192.168.77.2 and dst 203.0.113.9 and sport 39502 and dport 443 or " +
		"proto tcp and src 192.168.77.3 and dst 203.0.113.9 and sport 4444 and dport 443"
	if st.copied != both {
		t.Errorf("copied %q", st.copied)
	}
	st.press("yc")
	if strings.Count(st.copied, "conntrack -D -p tcp") != 2 || strings.Count(st.copied, "\n") != 1 {
		t.Errorf("copied %q", st.copied)
	}
	st.press("es<enter>")
	for path, f := range files.files {
		if len(f.events) != 2 || f.events[0].Gen == f.events[1].Gen {
			t.Errorf("%s: %d events", path, len(f.events))
		}
	}
	st.press("x")
	st.foot("delete marked")
	st.press("y")
	if !slices.Equal(d.flows, []string{"192.168.77.2:39502", "192.168.77.3:4444"}) || len(st.s.Marked) != 0 {
		t.Errorf("deleted %v, %v are marked", d.flows, st.s.Marked)
	}
	d.err, d.flows = errors.New("operation not permitted\x1b[2J"), nil
	st.press("/dst 203.0.113.9<enter>Mxy")
	if len(d.flows) != 5 || !strings.Contains(st.screen(), "5 of 5 marked flows not deleted: operation not permitted") {
		t.Errorf("of all shown, %v are deleted\n%s", d.flows, st.screen())
	}
	if st.press("M"); len(st.s.Marked) != 0 {
		t.Errorf("marked: %v", st.s.Marked)
	}
}

// file keeps what an export wrote.
type file struct {
	events []monitor.Event
	closed int
	err    error
}

func (f *file) Write(b *monitor.Batch) error {
	f.events = append(f.events, b.Events...)
	return f.err
}

func (f *file) Close() error { f.closed++; return nil }

type disk struct {
	files map[string]*file
	fail  error
}

func (e *disk) Create(path string, overwrite bool) (monitor.Sink, error) {
	if e.files[path] != nil && !overwrite {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	e.files[path] = &file{err: e.fail}
	return e.files[path], nil
}

func TestExportFlows(t *testing.T) {
	e := &disk{files: map[string]*file{}}
	st := newStage(t, func(c *Config) { c.Exporter = e })
	st.gateway()
	st.press("/tcp<enter>es")
	st.foot("es")
	st.press("<ctrl+u>a.jsonl<enter>")
	f := e.files["a.jsonl"]
	if f == nil || len(f.events) != 5 || f.closed != 1 || f.events[0].Kind != monitor.KindExisting ||
		f.events[4].Seq != 5 {
		t.Fatalf("file %+v", f)
	}
	st.foot("written")
	st.press("<ctrl+l>es<ctrl+u>a.jsonl<enter>")
	st.foot("the file exists")
	if e.files["a.jsonl"] != f {
		t.Fatalf("overwritten unasked:\n%s", st.screen())
	}
	st.press("y")
	if got := len(e.files["a.jsonl"].events); got != 9 {
		t.Errorf("overwritten with %d flows, want 9", got)
	}
	e.fail = errors.New("no space left on device")
	st.press("es<ctrl+u>b<enter>")
	st.foot("an error")
}

func TestExportStream(t *testing.T) {
	e := &disk{files: map[string]*file{}}
	st := newStage(t, func(c *Config) { c.Exporter = e })
	st.gateway()
	st.size(120, 30)
	st.press("/snat<enter>en<ctrl+u>s.jsonl<enter>")
	st.newcomer(50000)
	st.event(
		monitor.KindNew,
		0,
		flowOf(monitor.UDP, "10.0.0.5:1", "10.0.0.9:2", "10.0.0.5:1", "10.0.0.9:2", 0, monitor.PathForward),
		0,
		nil,
	)
	st.gap(0, 7)
	st.commit()
	f := e.files["s.jsonl"]
	if f == nil || len(f.events) != 2 || f.events[1].Kind != monitor.KindLost {
		t.Fatalf("the stream's file: %+v", f)
	}
	if !strings.Contains(st.screen(), "● 2 recorded") {
		t.Errorf("the status line does not show the recording:\n%s", st.screen())
	}
	st.press("ey")
	st.foot("ended")
	if f.closed != 1 {
		t.Errorf("closed %d", f.closed)
	}
	st.newcomer(50001)
	if len(f.events) != 2 {
		t.Error("events are written after the end")
	}
}

func TestCopy(t *testing.T) {
	for _, c := range []struct {
		flow                       monitor.Flow
		filter, conntrack, tcpdump string
	}{
		{flowOf(monitor.TCP, "203.0.113.1:4444", "203.0.113.9:443", "203.0.113.1:55506", "203.0.113.9:443", srcNAT, monitor.PathForward),
			"proto tcp and src 203.0.113.1 and dst 203.0.113.9 and sport 4444 and dport 443",
			"conntrack -D -p tcp -s 203.0.113.1 -d 203.0.113.9 --sport 4444 --dport 443",
			"tcpdump -n -i any 'tcp and host 203.0.113.1 and host 203.0.113.9 and port 4444 and port 443'\n" +
				"tcpdump -n -i any 'tcp and host 203.0.113.1 and host 203.0.113.9 and port 55506 and port 443'"},
		{flowOf(monitor.ICMP, "192.168.77.3:77", "203.0.113.9:0", "203.0.113.1:59304", "203.0.113.9:59304", srcNAT, monitor.PathForward),
			"proto icmp and src 192.168.77.3 and dst 203.0.113.9 and icmp.id 77",
			"conntrack -D -p icmp -s 192.168.77.3 -d 203.0.113.9 --icmp-type 8 --icmp-code 0 --icmp-id 77",
			"tcpdump -n -i any 'icmp and icmp[4:2] == 77 and host 192.168.77.3 and host 203.0.113.9'\n" +
				"tcpdump -n -i any 'icmp and icmp[4:2] == 59304 and host 203.0.113.1 and host 203.0.113.9'"},
		{flowOf(monitor.GRE, "10.0.0.5:16", "203.0.113.9:4097", "203.0.113.1:16", "203.0.113.9:4097", srcNAT, monitor.PathForward),
			"proto gre and src 10.0.0.5 and dst 203.0.113.9 and srckey 0x10 and dstkey 0x1001",
			"conntrack -D -p gre -s 10.0.0.5 -d 203.0.113.9 --srckey 16 --dstkey 4097",
			"tcpdump -n -i any 'ip proto 47 and host 10.0.0.5 and host 203.0.113.9'\n" +
				"tcpdump -n -i any 'ip proto 47 and host 203.0.113.1 and host 203.0.113.9'"},
		{flowOf(monitor.TCP, "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1111]:39502", "[2001:db8:1:2:3:4:5:6]:443",
			"[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[2001:db8:1:2:3:4:5:6]:443", srcNAT, monitor.PathForward),
			"proto tcp and src 2001:db8:aaaa:bbbb:cccc:dddd:eeee:1111 and dst 2001:db8:1:2:3:4:5:6 and sport 39502 and dport 443",
			"conntrack -D -f ipv6 -p tcp -s 2001:db8:aaaa:bbbb:cccc:dddd:eeee:1111 -d 2001:db8:1:2:3:4:5:6 --sport 39502 --dport 443",
			"tcpdump -n -i any 'tcp and host 2001:db8:aaaa:bbbb:cccc:dddd:eeee:1111 and host 2001:db8:1:2:3:4:5:6 and port 39502 and port 443'\n" +
				"tcpdump -n -i any 'tcp and host 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff and host 2001:db8:1:2:3:4:5:6 and port 65535 and port 443'"},
		{flowOf(monitor.UDP, "10.0.0.5:5353", "192.0.2.53:53", "10.0.0.5:5353", "192.0.2.53:53", 0, monitor.PathForward),
			"proto udp and src 10.0.0.5 and dst 192.0.2.53 and sport 5353 and dport 53",
			"conntrack -D -p udp -s 10.0.0.5 -d 192.0.2.53 --sport 5353 --dport 53",
			"tcpdump -n -i any 'udp and host 10.0.0.5 and host 192.0.2.53 and port 5353 and port 53'"},
	} {
		st := newStage(t)
		st.event(monitor.KindNew, 1, c.flow, 0, nil)
		st.commit()
		for key, want := range map[string]string{"f": c.filter, "c": c.conntrack, "t": c.tcpdump} {
			st.press("y" + key)
			if st.copied != want {
				t.Errorf("%s, key %s:\n%s\nwant\n%s", c.filter, key, st.copied, want)
			}
		}
		if err := st.s.SetFilter(c.filter); err != nil {
			t.Errorf("%s: %v", c.filter, err)
		}
	}
}
