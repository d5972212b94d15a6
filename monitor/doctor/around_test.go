package doctor

import (
	"net/netip"
	"testing"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// to is an event of a flow to an address with a port.
func to(kind monitor.Kind, p monitor.Proto, addr string, port uint16) monitor.Event {
	o := monitor.Tuple{Proto: p, Family: monitor.IPv6, Dst: monitor.AddrFrom(netip.MustParseAddr(addr)), DstPort: port}
	if o.Dst.Is4() {
		o.Family = monitor.IPv4
	}
	return monitor.Event{Kind: kind, Has: monitor.AttrOrig, Flow: monitor.Flow{Orig: o}}
}

// TestAround expects of each counter that moved what was seen in the stretches in
// which it did, and nothing else: flows that began, or events of any flow where any
// packet moves it.
func TestAround(t *testing.T) {
	var a Around
	write := func(n int, e monitor.Event) {
		b := monitor.Batch{}
		for range n {
			*b.Add() = e
		}
		if err := a.Write(&b); err != nil {
			t.Fatal(err)
		}
	}
	write(9, to(monitor.KindNew, monitor.TCP, "10.0.0.9", 80))
	if got := a.Read(map[string]uint64{"insert_failed": 7, "invalid": 1, "drop": 0}); got != nil {
		t.Errorf("the first reading: %v", got)
	}
	write(3, to(monitor.KindNew, monitor.UDP, "10.0.0.53", 53))
	write(1, to(monitor.KindNew, monitor.ICMP, "2001:db8::1", 0))
	write(5, to(monitor.KindUpdate, monitor.TCP, "10.0.0.9", 443))
	write(8, to(monitor.KindExisting, monitor.TCP, "10.0.0.9", 22))
	first := a.Read(map[string]uint64{"insert_failed": 8, "invalid": 3, "drop": 0})
	write(4, to(monitor.KindNew, monitor.TCP, "10.0.0.9", 80))
	a.Read(map[string]uint64{"insert_failed": 8, "invalid": 3, "drop": 0})
	second := a.Read(map[string]uint64{"insert_failed": 8, "invalid": 3, "drop": 1})

	for port := range uint16(11) {
		write(1, to(monitor.KindNew, monitor.TCP, "10.0.0.9", port))
	}
	spread := a.Read(map[string]uint64{"insert_failed": 8, "invalid": 3, "drop": 2})

	s := healthy()
	s.Counters["insert_failed"] = Moved{8, 1}
	for _, c := range []struct {
		seen               map[string]*Seen
		word, text, filter string
	}{
		{first, "insert_failed", "of 4 new flows 75 % were udp to 10.0.0.53 port 53", "udp dst 10.0.0.53 dport 53"},
		{first, "invalid", "of 9 events 56 % were tcp to 10.0.0.9 port 443", "tcp dst 10.0.0.9 dport 443"},
		{first, "drop", "", ""},
		{second, "drop", "", ""},
		{spread, "drop", "", ""}, // nine of 100 each: nothing stands out
		{second, "insert_failed", "", ""},
	} {
		s.Around = c.seen
		if text, sel := s.Then(c.word); text != c.text || sel != c.filter {
			t.Errorf("%s: %q, %q, want %q, %q", c.word, text, sel, c.text, c.filter)
		}
	}

	s.Around = first
	got := find(t, Diagnose(s, DefaultLimits), "counter.insert_failed")
	const text = "insert_failed moved by 1 in 5s, 0.2 a second: new flows are dropped, because another packet's flow took their place first, or NAT ran out of ports for them; " +
		"meanwhile, of 4 new flows 75 % were udp to 10.0.0.53 port 53"
	if got.Text != text {
		t.Errorf("%q, want %q", got.Text, text)
	}
	if want := "natlens watch event new udp dst 10.0.0.53 dport 53"; got.Command != want {
		t.Errorf("command %q, want %q", got.Command, want)
	}
}

// TestAroundMany expects shares of flows that are more than are kept to be about
// right: eight standard errors are allowed.
func TestAroundMany(t *testing.T) {
	var a Around
	a.Read(map[string]uint64{"drop": 0})
	b := monitor.Batch{}
	for i := range 300_000 {
		port := uint16(80)
		if i < 90_000 { // the first three of ten
			port = 443
		}
		*b.Add() = to(monitor.KindNew, monitor.TCP, "10.0.0.9", port)
	}
	if err := a.Write(&b); err != nil {
		t.Fatal(err)
	}
	all := Seen{}
	all.Add(a.Read(map[string]uint64{"drop": 1})["drop"])
	service, percent, ok := all.Most()
	if !ok || service.Port != 80 || percent < 58 || percent > 82 || all.Flows != 300_000 {
		t.Errorf("%v, %.1f %% of %d, want port 80 with 70 %%", service, percent, all.Flows)
	}
}

// TestServiceFilter expects filters that are understood, and select what they are of.
func TestServiceFilter(t *testing.T) {
	for _, p := range append([]monitor.Proto{89, 255}, monitor.Protos...) {
		for _, addr := range []string{"10.0.0.1", "2001:db8::1"} {
			e, other := to(monitor.KindNew, p, addr, 7), to(monitor.KindNew, p, addr, 8)
			text := serviceOf(&e.Flow).Filter()
			x, err := filter.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			keep := filter.Compile(x, filter.Env{})
			if !keep(&e) || keep(&other) == p.HasPorts() {
				t.Errorf("%q is not of %v alone: %t, %t", text, serviceOf(&e.Flow), keep(&e), keep(&other))
			}
		}
	}
}
