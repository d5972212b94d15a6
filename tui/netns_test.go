package tui

import (
	"regexp"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/tui/health"
)

// namespaces are two gateways with the same addresses in network namespaces of their
// own, and a third one whose name is long.
func namespaces(t *testing.T, adjust ...func(*Config)) *stage {
	names := new(monitor.Namespaces)
	st := newStage(t, append(adjust, readable, func(c *Config) {
		c.Env.Namespaces, c.Deleter = names, &deleter{}
		c.Enter = func(id monitor.NetNS) string { return "ip netns exec " + names.Name(id) + " " }
	})...)
	for i, name := range []string{"red", "blue", "docker:0123456789ab"} {
		id, _ := names.Add(monitor.Namespace{Name: name})
		for port, as := range []string{"203.0.113.1:40000", "203.0.113.1:50001"}[:2-i/2] {
			from := []string{"192.168.77.2:40000", "192.168.77.2:40001"}[port]
			f := flowOf(monitor.TCP, from, "203.0.113.9:443", as, "203.0.113.9:443", srcNAT|assured, monitor.PathForward)
			f.Orig.NetNS, f.Reply.NetNS = id, id
			st.event(monitor.KindNew, float64(30-10*i-port), live(f, monitor.TCPEstablished, 432000), timed, nil)
		}
		in := flowOf(
			monitor.TCP,
			"198.51.100.7:51022",
			"203.0.113.1:8080",
			"198.51.100.7:51022",
			"192.168.77.2:80",
			dstNAT|assured,
			monitor.PathForward,
		)
		in.Orig.NetNS, in.Reply.NetNS = id, id
		st.event(monitor.KindNew, 40, live(in, monitor.TCPEstablished, 432000), timed, nil)
	}
	st.commit()
	return st
}

// A problem of some namespaces names them and the problem, however narrow the line is.
func TestAdviceOfNamespaces(t *testing.T) {
	st := namespaces(t, func(c *Config) {
		c.Health = &fakeHealth{reading: health.Reading{Checks: []monitor.Finding{{
			Severity: monitor.SeverityWarn,
			Rule:     "acct",
			Text:     "blue, red: packets and bytes are not counted: nf_conntrack_acct is 0; it affects new flows",
			Command:  "ip netns exec blue sysctl -w net.netfilter.nf_conntrack_acct=1",
		}}}}
	})
	st.size(80, 24)
	st.frame()
	golden.Words(t, "banner", st.line(2)+"\n"+st.line(3))
}

// Every page shows to which network namespace its lines belong.
func TestScreensNetNS(t *testing.T) {
	for _, c := range []struct{ name, keys string }{
		{"flows", ""}, {"events", "2"}, {"top", "3oooo"}, {"nat", "4"}, {"health", "5"}, {"detail", "<enter>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := namespaces(t)
			st.press(c.keys)
			st.goldenScreens("netns-"+c.name, nil)
		})
	}
}

// Addresses that several namespaces translate to have ports of their own in each;
// what the cursor is on is asked for, and copied, with its namespace.
func TestNetNSOfTheCursor(t *testing.T) {
	st := namespaces(t)
	st.size(120, 30)
	st.press("4<down><enter>")
	if want := "netns blue and tcp and snat and reply.dst 203.0.113.1"; st.s.Text != want {
		t.Errorf("from the NAT page: filter %q, want %q", st.s.Text, want)
	}
	st.press("yc")
	if want := "ip netns exec blue conntrack -D -p tcp -s 192.168.77.2 -d 203.0.113.9 --sport 4000"; !strings.HasPrefix(
		st.copied,
		want,
	) {
		t.Errorf("copied %q, want %q and so on", st.copied, want)
	}
	st.press("yt")
	st.press("x")
	st.foot("x")
	if lines := strings.Split(st.copied, "\n"); len(lines) != 2 ||
		!strings.HasPrefix(lines[0], "ip netns exec blue tcpdump ") ||
		!strings.HasPrefix(lines[1], "ip netns exec blue tcpdump ") {
		t.Errorf("copied %q", st.copied)
	}
}

// In 80 columns all namespaces have a rate too, by which they can be sorted.
func TestRatesOfNamespaces(t *testing.T) {
	st := namespaces(t)
	for second := range uint64(3) {
		for i, r := range st.flows().Rows {
			e := monitor.Event{Kind: monitor.KindExisting, Time: st.now, Flow: r.Row.Flow, Has: monitor.AttrOrig | counted}
			e.Flow.CountersOrig.Bytes = second * uint64(1000+i)
			st.refresher.take(&e)
		}
		st.now += 1e9
	}
	st.press("<home>")
	st.size(80, 24)
	title := "   PROTO STATE       NETNS    SOURCE                     DESTINATION     RATE▼"
	if got := st.line(2); got != title {
		t.Errorf("%q, want %q", got, title)
	}
	if rates := regexp.MustCompile(`19[01] B/s`).FindAllString(st.screen(), -1); len(rates) != 8 {
		t.Errorf("%d rates:\n%s", len(rates), st.screen())
	}
}
