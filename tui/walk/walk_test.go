package walk

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/tui/paint"
)

// flowOf builds a flow from its four endpoints: from and to as sent, as the
// sender that the far side sees, at who gets it.
func flowOf(p monitor.Proto, from, to, as, at string, status monitor.Status, path monitor.Path) monitor.Flow {
	f := monitor.Flow{Status: status | monitor.Confirmed, Path: path, ID: 1561741433}
	f.Orig, f.Reply = tupleOf(p, from, to), tupleOf(p, at, as)
	if p.IsICMP() {
		id := f.Reply.DstPort
		f.Orig.SetICMP(f.Orig.SrcPort, 8, 0)
		f.Reply.SetICMP(id, 0, 0)
	}
	return f
}

func tupleOf(p monitor.Proto, src, dst string) monitor.Tuple {
	s, d := endpointOf(src), endpointOf(dst)
	t := monitor.Tuple{Proto: p, Family: monitor.IPv4, Src: s.Addr, Dst: d.Addr, SrcPort: s.Port, DstPort: d.Port}
	if !s.Addr.Is4() {
		t.Family = monitor.IPv6
	}
	return t
}

func endpointOf(text string) monitor.Endpoint {
	if a, err := netip.ParseAddr(text); err == nil {
		return monitor.Endpoint{Addr: monitor.AddrFrom(a)}
	}
	ap := netip.MustParseAddrPort(text)
	return monitor.Endpoint{Addr: monitor.AddrFrom(ap.Addr()), Port: ap.Port()}
}

const (
	natDone = monitor.SrcNATDone | monitor.DstNATDone
	srcNAT  = monitor.SrcNAT | natDone
	dstNAT  = monitor.DstNAT | natDone
)

var walkFlows = []struct {
	name string
	flow monitor.Flow
}{
	{"snat", flowOf(monitor.TCP, "192.168.77.2:39502", "203.0.113.9:443", "203.0.113.1:39502", "203.0.113.9:443",
		srcNAT, monitor.PathForward)},
	{"dnat", flowOf(monitor.TCP, "198.51.100.7:51022", "203.0.113.1:8080", "198.51.100.7:51022", "192.168.77.2:80",
		dstNAT, monitor.PathForward)},
	{"both", flowOf(monitor.TCP, "192.168.77.3:40000", "203.0.113.1:8080", "192.168.77.1:40000", "192.168.77.2:80",
		srcNAT|dstNAT, monitor.PathForward)},
	{"port-only", flowOf(monitor.TCP, "203.0.113.1:4444", "203.0.113.9:443", "203.0.113.1:55506", "203.0.113.9:443",
		srcNAT, monitor.PathForward)},
	{"redirect", flowOf(monitor.TCP, "192.168.77.2:33000", "203.0.113.9:80", "192.168.77.2:33000", "192.168.77.1:3128",
		dstNAT, monitor.PathIn)},
	{"redirect-loopback", flowOf(monitor.TCP, "127.0.0.1:39990", "127.0.0.1:8081", "127.0.0.1:39990", "127.0.0.1:9091",
		dstNAT, monitor.PathLoop)},
	{"local-out", flowOf(monitor.UDP, "10.0.0.1:5353", "192.0.2.53:53", "203.0.113.1:5353", "192.0.2.54:5300",
		srcNAT|dstNAT, monitor.PathOut)},
	{"local-in", flowOf(monitor.TCP, "198.51.100.7:51022", "203.0.113.1:22", "198.51.100.7:51022", "203.0.113.1:22",
		natDone, monitor.PathIn)},
	{"icmp-id", flowOf(monitor.ICMP, "192.168.77.3:77", "203.0.113.9:0", "203.0.113.1:59304", "203.0.113.9:59304",
		srcNAT, monitor.PathForward)},
	{"gre-key", flowOf(monitor.GRE, "10.0.0.5:16", "203.0.113.9:4097", "203.0.113.1:16", "203.0.113.9:4097",
		srcNAT, monitor.PathForward)},
	{"ipv6", flowOf(monitor.TCP, "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1111]:39502", "[2001:db8:1:2:3:4:5:6]:443",
		"[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[2001:db8:1:2:3:4:5:6]:443", srcNAT, monitor.PathForward)},
	{"none", flowOf(monitor.UDP, "10.0.0.5:5353", "192.0.2.53:53", "10.0.0.5:5353", "192.0.2.53:53",
		0, monitor.PathForward)},
	{"assumed", flowOf(monitor.TCP, "192.168.77.2:39502", "203.0.113.9:443", "203.0.113.1:39502", "203.0.113.9:443",
		srcNAT, monitor.PathUnknown)},
	{"ipvs", flowOf(monitor.TCP, "198.51.100.7:51022", "203.0.113.1:80", "198.51.100.7:51022", "192.168.77.2:8080",
		0, monitor.PathForward)},
}

func TestWalk(t *testing.T) {
	for _, c := range walkFlows {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			for _, width := range []int{60, 80, 120, 160} {
				got := Render(monitor.NewWalk(&c.flow), width, paint.Plain)
				for _, line := range strings.Split(got, "\n") {
					if n := paint.Width(line); n > width {
						t.Errorf("width %d: a line takes %d: %q", width, n, line)
					}
				}
				fmt.Fprintf(&b, "# %d columns\n%s", width, got)
			}
			golden.File(t, ""+c.name+".txt", b.String())
		})
	}
}

// A flow that a helper expected names its master, on every width; its NAT may be
// the master's, so that the nat table was asked for neither side.
func TestWalkMaster(t *testing.T) {
	f := walkFlows[0].flow
	f.Status |= monitor.Expected
	w := monitor.NewWalk(&f)
	master := tupleOf(monitor.TCP, "192.168.77.2:39500", "203.0.113.9:21")
	w.Master = &master
	for _, width := range []int{80, 60} {
		golden.Words(t, fmt.Sprint(width, " columns"), Render(w, width, paint.Plain))
	}
}

// The rules that decided are behind what happens at their hook. A rule that drops the packet
// ends the drawing.
func TestWalkRules(t *testing.T) {
	var b strings.Builder
	for _, c := range []struct {
		name      string
		untracked bool
		rules     []monitor.Decision
	}{
		{"probable", false, []monitor.Decision{{Hook: monitor.Forward, Certainty: monitor.Exact,
			Text: "exact rule ip filter forward handle 4: accept"}, {Hook: monitor.Postrouting, Certainty: monitor.Probable,
			Text: "probable rule ip nat post handle 8: oifname \"wan\" masquerade comment \"a\x1b[31mb\""}}},
		{"traced", false, []monitor.Decision{{Hook: monitor.Forward, Text: "rule ip filter forward handle 4: accept"},
			{Hook: monitor.Postrouting, Text: "rule ip nat post handle 8: masquerade"}}},
		{"dropped", false, []monitor.Decision{{Hook: monitor.Forward, Text: "policy of ip fw forward: drop", Drop: true}}},
		{"not tracked", true, []monitor.Decision{{Hook: monitor.Prerouting, Text: "rule ip raw pre handle 2: notrack"}}},
		{"dropped before the look-up", true,
			[]monitor.Decision{{Hook: monitor.Prerouting, Text: "rule ip raw pre handle 3: drop", Drop: true}}},
	} {
		w := monitor.NewWalk(&walkFlows[0].flow)
		if c.untracked {
			f := walkFlows[0].flow
			f.Reply = monitor.Tuple{}
			w = monitor.NewWalk(&f)
			w.Untracked = true
		}
		w.Decide(c.rules)
		for _, width := range []int{60, 120} {
			fmt.Fprintf(&b, "# %s, %d columns\n%s", c.name, width, Render(w, width, paint.Plain))
		}
	}
	golden.File(t, "rules.txt", b.String())
}

// With colour the words are the same; what NAT rewrote has its colour.
func TestWalkColour(t *testing.T) {
	for name, st := range map[string]paint.Style{"dark": paint.Dark, "mono": paint.Mono} {
		w := monitor.NewWalk(&walkFlows[3].flow) // port-only
		golden.File(t, "port-only."+name+".ansi", Render(w, 120, st))
	}
}
