package groups

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/filter"
)

func flow(p monitor.Proto, src, dst string, port uint16, up, down uint64) *monitor.Event {
	a, b := monitor.AddrFrom(netip.MustParseAddr(src)), monitor.AddrFrom(netip.MustParseAddr(dst))
	orig := monitor.Tuple{Src: a, Dst: b, SrcPort: 40000, DstPort: port, Proto: p, Family: monitor.IPv4}
	reply := monitor.Tuple{Src: b, Dst: a, SrcPort: port, DstPort: 40000, Proto: p, Family: monitor.IPv4}
	e := &monitor.Event{Kind: monitor.KindExisting, Has: monitor.AttrOrig | monitor.AttrReply}
	e.Flow = monitor.Flow{Orig: orig, Reply: reply}
	if up+down > 0 {
		e.Has |= monitor.AttrCountersOrig | monitor.AttrCountersReply
		e.Flow.CountersOrig = monitor.Counters{Packets: up / 100, Bytes: up}
		e.Flow.CountersReply = monitor.Counters{Packets: down / 100, Bytes: down}
	}
	return e
}

// translated makes the replies come from another host.
func translated(e *monitor.Event, to string) *monitor.Event {
	e.Flow.Reply.Src = monitor.AddrFrom(netip.MustParseAddr(to))
	return e
}

var flows = []*monitor.Event{
	flow(monitor.TCP, "10.0.0.1", "192.0.2.9", 443, 100, 5000),
	flow(monitor.TCP, "10.0.0.1", "192.0.2.9", 22, 300, 200),
	flow(monitor.UDP, "10.0.0.2", "192.0.2.9", 443, 1000, 0),
	flow(monitor.ICMP, "10.0.0.2", "10.0.0.1", 0, 0, 0), // not counted
	flow(monitor.TCP, "10.0.0.2", "10.0.0.2", 80, 700, 900),
	translated(flow(monitor.TCP, "10.0.0.3", "203.0.113.1", 80, 10, 20), "10.0.0.1"),
}

func count(t *testing.T, by string) *Counter {
	t.Helper()
	b, err := Parse(by)
	if err != nil {
		t.Fatal(err)
	}
	c := New(b, filter.Env{})
	for range 2 { // Reset leaves nothing
		c.Reset()
		for i, e := range flows {
			s := Of(e)
			s.Rated, s.Rate = 1, Both[float64]{float64(i), float64(i) / 2}
			c.Add(e, s)
		}
	}
	return c
}

// lines writes groups: key, flows, counted flows, bytes up and down, rate up and down.
func lines(out *strings.Builder, by By, indent string, g *Group) {
	for i := range g.Groups {
		in := &g.Groups[i]
		var key []string
		for j, v := range in.Key {
			key = append(key, by[0][j].Text(v))
		}
		fmt.Fprintf(out, "%s%s: %d %d %d/%d %g/%g\n", indent, strings.Join(key, " "), in.Flows, in.Counted,
			in.Bytes.Up, in.Bytes.Down, in.Rate.Up, in.Rate.Down)
		lines(out, by[1:], indent+"  ", in)
	}
	if g.More > 0 {
		fmt.Fprintf(out, "%s%d more\n", indent, g.More)
	}
}

func TestTop(t *testing.T) {
	for _, test := range []struct {
		by      string
		order   Order
		reverse bool
		limit   int
		want    string
	}{
		{"host", ByBytes, false, 9, `
192.0.2.9: 3 3 5200/1400 1.5/3
10.0.0.1: 4 3 420/5210 5/8.5
10.0.0.2: 3 2 1700/900 9/4.5
10.0.0.3: 1 1 10/20 5/2.5
`},
		{"dst", ByRate, true, 2, `
192.0.2.9: 3 3 5200/1400 1.5/3
10.0.0.1: 1 0 0/0 1.5/3
2 more
`},
		{"proto, port", ByFlows, false, 9, `
tcp 80: 2 2 710/920 9/4.5
tcp 22: 1 1 300/200 1/0.5
tcp 443: 1 1 100/5000 0/0
udp 443: 1 1 1000/0 2/1
`},
		{"dst > port > src", ByName, false, 1, `
10.0.0.1: 1 0 0/0 1.5/3
3 more
`},
		{"port > host", ByName, false, 2, `
22: 1 1 300/200 1/0.5
  10.0.0.1: 1 1 300/200 1/0.5
  192.0.2.9: 1 1 200/300 0.5/1
80: 2 2 710/920 9/4.5
  10.0.0.1: 1 1 20/10 2.5/5
  10.0.0.2: 1 1 700/900 4/2
  1 more
1 more
`},
		{"host>dst", ByBytes, false, 1, `
192.0.2.9: 3 3 5200/1400 1.5/3
  192.0.2.9: 3 3 5200/1400 1.5/3
3 more
`},
		{"process", ByBytes, false, 9, "\n"},
	} {
		c := count(t, test.by)
		top := c.Top(test.order, test.reverse, test.limit)
		var out strings.Builder
		lines(&out, c.by, "", &top)
		if got := "\n" + out.String(); got != test.want {
			t.Errorf("%s:%s", test.by, got)
		}
		if top.Flows != 6 || top.Bytes != (Both[uint64]{2110, 6120}) || top.Packets != (Both[uint64]{21, 61}) {
			t.Errorf("%s: all flows: %+v", test.by, top.Sums)
		}
	}
}

// Only within groups that Open returns are others counted.
func TestOpen(t *testing.T) {
	by, err := Parse("proto,port > host > dst")
	if err != nil {
		t.Fatal(err)
	}
	c := New(by, filter.Env{})
	c.Open = func(key []filter.Value) bool { return by[0][1].Text(key[1]) == "80" && len(key) == 2 }
	for _, e := range flows {
		c.Add(e, Of(e))
	}
	top := c.Top(ByName, false, 9)
	var out strings.Builder
	lines(&out, by, "", &top)
	const want = `
tcp 22: 1 1 300/200 0/0
tcp 80: 2 2 710/920 0/0
  10.0.0.1: 1 1 20/10 0/0
  10.0.0.2: 1 1 700/900 0/0
  10.0.0.3: 1 1 10/20 0/0
tcp 443: 1 1 100/5000 0/0
udp 443: 1 1 1000/0 0/0
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("%s", got)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"host":               "host",
		"HOST>proto , dport": "host > proto,dport",
		"hosst":              `"hosst" is not a field of the filter language; did you mean host?`,
		"host > dport,host":  "host is given twice",
		"":                   `"" is not a field of the filter language`,
		"host >":             `"" is not a field of the filter language`,
		"src > orig.src":     "src is given twice",
	} {
		by, err := Parse(text)
		got := by.String()
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
