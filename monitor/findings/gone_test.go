package findings

import (
	"net/netip"
	"testing"
	"time"

	"natlens/monitor"
)

// here are the addresses of a gateway and the networks that it is connected to.
var here = monitor.NewLocals(
	[]netip.Addr{netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("198.51.100.3"), netip.MustParseAddr("192.168.77.1"), netip.MustParseAddr("2001:db8::2")},
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("192.168.77.0/24"), netip.MustParsePrefix("2001:db8:77::/64"))

// sent is a flow with SNAT.
func sent(proto monitor.Proto, port, as string) flow {
	f := flow{proto: proto, from: "192.168.77.2:" + port, to: "203.0.113.9:53", sentAs: as + ":" + port, status: monitor.SeenReply}
	if proto == monitor.TCP {
		f.state = monitor.TCPEstablished
	}
	return f
}

// TestGone finds flows that are sent from an address which the gateway has lost, by what
// the kernel counts of them.
func TestGone(t *testing.T) {
	const local, local2, lost, lost2 = "198.51.100.2", "198.51.100.3", "198.51.100.77", "198.51.100.78"
	sent6 := flow{proto: monitor.UDP, from: "[2001:db8:77::2]:3", to: "[2001:db8::9]:53", sentAs: "[2001:db8::2]:3", status: monitor.SeenReply}
	for _, c := range []struct {
		what    string
		flows   []flow         // begin one after the other
		replies map[string]int // packets a second that come back, by source port
		want    map[string]string
	}{
		{"one address lost", []flow{sent(monitor.UDP, "1", lost), sent(monitor.UDP, "2", local)}, nil,
			map[string]string{"snat-gone " + lost: "snat and not nat.src " + local}},
		{"TCP", []flow{sent(monitor.TCP, "1", lost), sent(monitor.TCP, "2", local)}, nil,
			map[string]string{"snat-gone " + lost: "snat and not nat.src " + local}},
		{"two local addresses", []flow{sent(monitor.UDP, "1", lost), sent(monitor.UDP, "2", local), sent(monitor.UDP, "3", local2)}, nil,
			map[string]string{"snat-gone " + lost: "snat and not nat.src " + local2 + "," + local}},
		{"an address of each family", []flow{sent(monitor.UDP, "1", lost), sent(monitor.UDP, "2", local), sent6}, nil,
			map[string]string{"snat-gone " + lost: "snat and not nat.src " + local + ",2001:db8::2"}},
		{"two addresses lost", []flow{sent(monitor.UDP, "1", lost), sent(monitor.UDP, "2", lost2), sent(monitor.UDP, "3", local)}, nil,
			map[string]string{"snat-gone " + lost: "snat and nat.src " + lost, "snat-gone " + lost2: "snat and nat.src " + lost2}},
		{"an address that is routed here", []flow{sent(monitor.UDP, "1", lost), sent(monitor.UDP, "2", local)}, map[string]int{"1": 1}, nil},
		{"a dead server behind one that is routed here", []flow{sent(monitor.UDP, "1", lost), sent(monitor.UDP, "2", lost), sent(monitor.UDP, "3", local)}, map[string]int{"2": 1}, nil},
		{"new flows still get it", []flow{sent(monitor.UDP, "1", local), sent(monitor.UDP, "2", lost)}, nil, nil},
		{"a dead server", []flow{sent(monitor.UDP, "1", local), sent(monitor.UDP, "2", local)}, nil, nil},
		{"no new flow", []flow{sent(monitor.UDP, "1", lost)}, nil,
			map[string]string{"snat-gone " + lost: "snat and not nat.src " + local}},
		{"no new flow, and an address of another network", []flow{sent(monitor.UDP, "1", "198.18.0.1")}, nil, nil},
		{"never answered", []flow{func() flow { f := sent(monitor.UDP, "1", lost); f.status = 0; return f }(), sent(monitor.UDP, "2", local)}, nil, nil},
	} {
		w := newWorld(t, nil)
		w.engine.cfg.Packets = func(f *monitor.Flow) (orig, reply uint64, ok bool) {
			seconds := uint64(w.now-1e18) / 1e9
			return 38 + seconds, 7 + seconds*uint64(c.replies[itoa(int(f.Orig.SrcPort))]), true
		}
		w.table.SetLocals(here)
		for _, f := range c.flows {
			w.see(monitor.KindNew, f)
			w.pass(time.Second)
		}
		w.pass(20 * time.Second)
		got := map[string]string{}
		for _, f := range w.came {
			got[f.Rule+" "+f.Subject] = f.Filter
			if n := w.selected(f.Filter); n != f.Flows || f.Command != "natlens delete '"+f.Filter+"'" {
				t.Errorf("%s: %s selects %d flows of %d; %s", c.what, f.Filter, n, f.Flows, f.Command)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: found %v, want %v", c.what, got, c.want)
		}
		for what, filter := range c.want {
			if got[what] != filter {
				t.Errorf("%s: found %v, want %v", c.what, got, c.want)
			}
		}
	}
}

// TestHairpin finds flows that DNAT sends back into the client's network, unless they are
// answered or can be.
func TestHairpin(t *testing.T) {
	const at = "198.51.100.2:443"
	syn := flow{proto: monitor.TCP, from: "192.168.77.2:1000", to: at, delivered: "192.168.77.3:443", state: monitor.TCPSynSent}
	with := func(change func(*flow)) flow {
		f := syn
		change(&f)
		return f
	}
	for _, c := range []struct {
		what string
		flow flow
		want []string
	}{
		{"TCP", syn, []string{"hairpin " + at + " tcp → 192.168.77.3:443"}},
		{"UDP", with(func(f *flow) { f.proto = monitor.UDP }), []string{"hairpin " + at + " udp → 192.168.77.3:443"}},
		{"IPv6", flow{proto: monitor.TCP, from: "[2001:db8:77::2]:1000", to: "[2001:db8::2]:443", delivered: "[2001:db8:77::3]:443", state: monitor.TCPSynSent},
			[]string{"hairpin [2001:db8::2]:443 tcp → [2001:db8:77::3]:443"}},
		{"to the client itself", with(func(f *flow) { f.delivered = "192.168.77.2:443" }), []string{"hairpin " + at + " tcp → 192.168.77.2:443"}},
		{"answered", with(func(f *flow) { f.status, f.state = monitor.SeenReply, monitor.TCPEstablished }), nil},
		{"with SNAT", with(func(f *flow) { f.sentAs = "192.168.77.1:1000" }), nil},
		{"to another network", with(func(f *flow) { f.delivered = "192.168.78.3:443" }), nil},
		{"from outside", with(func(f *flow) { f.from = "203.0.113.9:1000" }), nil},
		{"a redirect to this host", with(func(f *flow) { f.delivered = "192.168.77.1:8443" }), nil},
		{"from this host", with(func(f *flow) { f.from = "192.168.77.1:1000" }), nil},
	} {
		w := newWorld(t, nil)
		w.table.SetLocals(here)
		w.see(monitor.KindNew, c.flow)
		w.pass(15 * time.Second)
		if c.want != nil {
			f := w.engine.Snapshot()[0]
			if n := w.selected(f.Filter); n != 1 || f.Flows != 1 {
				t.Errorf("%s: %s selects %d flows of %d", c.what, f.Filter, n, f.Flows)
			}
		}
		w.expect(c.what, c.want, nil)
	}
	// Networks are not known in a recording.
	w := newWorld(t, nil)
	w.see(monitor.KindNew, syn)
	w.pass(15 * time.Second)
	w.expect("addresses not known", nil, nil)
}
