//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
)

func TestMain(m *testing.M) { Main(m) }

// flows dumps the gateway's table, a line a flow, in a form without what
// differs from run to run.
func flows(t *testing.T, l *Lab) []string {
	t.Helper()
	c, err := conntrack.Dial(&netlink.Config{NetNS: l.Gateway.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	table, err := c.Dump(nil)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range table {
		lines = append(lines, describe(f))
	}
	slices.Sort(lines)
	return lines
}

// describe writes a flow as protocol, original tuple, reply tuple, and its
// helper, master, zone, mark and label where it has them.
func describe(f conntrack.Flow) string {
	s := fmt.Sprintf("%d %s | %s", f.TupleOrig.Proto.Protocol, ends(f.TupleOrig), ends(f.TupleReply))
	if f.Status.SrcNAT() {
		s += " snat"
	}
	if f.Status.DstNAT() {
		s += " dnat"
	}
	if !f.Status.SeenReply() {
		s += " unreplied"
	}
	if f.Helper.Name != "" {
		s += " helper=" + f.Helper.Name
	}
	if f.TupleMaster.Proto.Protocol != 0 {
		s += " master=" + ends(f.TupleMaster)
	}
	if f.Zone != 0 {
		s += fmt.Sprintf(" zone=%d", f.Zone)
	}
	if f.Mark != 0 {
		s += fmt.Sprintf(" mark=%d", f.Mark)
	}
	return s
}

func ends(t conntrack.Tuple) string {
	if p := t.Proto.Protocol; p == 1 || p == 58 {
		return fmt.Sprintf("%s > %s type %d id %d", t.IP.SourceAddress, t.IP.DestinationAddress, t.Proto.ICMPType, t.Proto.ICMPID)
	}
	return fmt.Sprintf("%s > %s",
		netip.AddrPortFrom(t.IP.SourceAddress, t.Proto.SourcePort),
		netip.AddrPortFrom(t.IP.DestinationAddress, t.Proto.DestinationPort))
}

// wantFlow waits until the gateway's table holds the line.
func wantFlow(t *testing.T, l *Lab, want string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		got := flows(t, l)
		if slices.Contains(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the gateway's table lacks\n\t%s\nit holds\n\t%q", want, got)
		}
		time.Sleep(time.Millisecond)
	}
}

func port(n uint16) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, n) }

// TestTopology checks each promise of the package by what conntrack in the
// gateway made of it.
func TestTopology(t *testing.T) {
	t.Parallel()
	l := New(t)

	tcp := func(c TCP) func(*Lab) error {
		return func(l *Lab) error { _, err := l.TCPOnce(t.Context(), c); return err }
	}
	udp := func(u UDP) func(*Lab) error {
		return func(l *Lab) error { _, err := l.UDPOnce(t.Context(), u); return err }
	}
	ping := func(p Ping) func(*Lab) error {
		return func(l *Lab) error { return l.PingOnce(t.Context(), p) }
	}
	for _, tt := range []struct {
		name string
		ipv6 bool
		do   func(*Lab) error
		want string
	}{
		{"snat", false, tcp(TCP{Local: port(40001), To: ServerHTTPS, Bytes: 100_000}),
			"6 192.168.77.2:40001 > 203.0.113.9:443 | 203.0.113.9:443 > 203.0.113.1:40001 snat"},
		{"dnat", false, tcp(TCP{From: l.Server, Local: port(40002), To: PublishedHTTP, Bytes: 10}),
			"6 203.0.113.9:40002 > 203.0.113.1:8080 | 192.168.77.2:80 > 203.0.113.9:40002 dnat"},
		{"redirect", false, tcp(TCP{Local: port(40003), To: Redirected, Bytes: 10}),
			"6 192.168.77.2:40003 > 203.0.113.9:8081 | 192.168.77.1:9091 > 192.168.77.2:40003 dnat"},
		{"redirect of client2", false, tcp(TCP{From: l.Client2, Local: port(40003), To: Redirected, Bytes: 10}),
			"6 192.168.77.3:40003 > 203.0.113.9:8081 | 192.168.77.1:9091 > 192.168.77.3:40003 dnat"},
		{"redirect on loopback", false, tcp(TCP{From: l.Gateway, Local: port(40004), To: RedirectedLoopback, Bytes: 10}),
			"6 127.0.0.1:40004 > 127.0.0.1:8081 | 127.0.0.1:9091 > 127.0.0.1:40004 dnat"},
		{"udp", false, udp(UDP{Local: port(40005), To: ServerDNS}),
			"17 192.168.77.2:40005 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:40005 snat"},
		{"udp without answer", false, udp(UDP{Local: port(40006), To: ServerDiscard, NoReply: true}),
			"17 192.168.77.2:40006 > 203.0.113.9:9 | 203.0.113.9:9 > 203.0.113.1:40006 snat unreplied"},
		{"ping", false, ping(Ping{To: ServerIP, ID: 77}),
			"1 192.168.77.2 > 203.0.113.9 type 8 id 77 | 203.0.113.9 > 203.0.113.1 type 0 id 77 snat"},
		{"tcp over ipv6", true, tcp(TCP{Local: port(40007), To: ServerHTTPS6, Bytes: 10}),
			"6 [2001:db8:77::2]:40007 > [2001:db8:cb::9]:443 | [2001:db8:cb::9]:443 > [2001:db8:77::2]:40007"},
		{"udp over ipv6 from client2", true, udp(UDP{From: l.Client2, Local: port(40008), To: ServerDNS6}),
			"17 [2001:db8:77::3]:40008 > [2001:db8:cb::9]:53 | [2001:db8:cb::9]:53 > [2001:db8:77::3]:40008"},
		{"ping over ipv6", true, ping(Ping{To: ServerIP6, ID: 78}),
			"58 2001:db8:77::2 > 2001:db8:cb::9 type 128 id 78 | 2001:db8:cb::9 > 2001:db8:77::2 type 129 id 78"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.ipv6 && !l.IPv6 {
				t.Skip("the kernel has no IPv6")
			}
			if err := tt.do(l); err != nil {
				t.Fatal(err)
			}
			wantFlow(t, l, tt.want)
		})
	}
}
