//go:build linux

package lab_test

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// flows dumps the gateway's table, a line a flow, in a form without what
// differs from run to run.
func flows(t *testing.T, l *lab.Lab) []string {
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
	if len(f.Labels) > 0 && !slices.Equal(f.Labels, make([]byte, len(f.Labels))) {
		s += fmt.Sprintf(" labels=%x", f.Labels)
	}
	return s
}

func ends(t conntrack.Tuple) string {
	if p := t.Proto.Protocol; p == 1 || p == 58 {
		return fmt.Sprintf(
			"%s > %s type %d id %d",
			t.IP.SourceAddress,
			t.IP.DestinationAddress,
			t.Proto.ICMPType,
			t.Proto.ICMPID,
		)
	}
	return fmt.Sprintf("%s > %s",
		netip.AddrPortFrom(t.IP.SourceAddress, t.Proto.SourcePort),
		netip.AddrPortFrom(t.IP.DestinationAddress, t.Proto.DestinationPort))
}

// wantFlow waits until the gateway's table holds the line.
func wantFlow(t *testing.T, l *lab.Lab, want string) {
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
	l := labtest.New(t)

	tcp := func(c lab.TCP) func(*lab.Lab) error {
		return func(l *lab.Lab) error { _, err := l.TCPOnce(t.Context(), c); return err }
	}
	udp := func(u lab.UDP) func(*lab.Lab) error {
		return func(l *lab.Lab) error { _, err := l.UDPOnce(t.Context(), u); return err }
	}
	ping := func(p lab.Ping) func(*lab.Lab) error {
		return func(l *lab.Lab) error { return l.PingOnce(t.Context(), p) }
	}
	for _, tt := range []struct {
		name string
		ipv6 bool
		do   func(*lab.Lab) error
		want string
	}{
		{"snat", false, tcp(lab.TCP{Local: port(40001), To: lab.ServerHTTPS, Bytes: 100_000}),
			"6 192.168.77.2:40001 > 203.0.113.9:443 | 203.0.113.9:443 > 203.0.113.1:40001 snat"},
		{"dnat", false, tcp(lab.TCP{From: l.Server, Local: port(40002), To: lab.PublishedHTTP, Bytes: 10}),
			"6 203.0.113.9:40002 > 203.0.113.1:8080 | 192.168.77.2:80 > 203.0.113.9:40002 dnat"},
		{"redirect", false, tcp(lab.TCP{Local: port(40003), To: lab.Redirected, Bytes: 10}),
			"6 192.168.77.2:40003 > 203.0.113.9:8081 | 192.168.77.1:9091 > 192.168.77.2:40003 dnat"},
		{"redirect of client2", false, tcp(lab.TCP{From: l.Client2, Local: port(40003), To: lab.Redirected, Bytes: 10}),
			"6 192.168.77.3:40003 > 203.0.113.9:8081 | 192.168.77.1:9091 > 192.168.77.3:40003 dnat"},
		{"redirect on loopback", false, tcp(lab.TCP{From: l.Gateway, Local: port(40004), To: lab.RedirectedLoopback, Bytes: 10}),
			"6 127.0.0.1:40004 > 127.0.0.1:8081 | 127.0.0.1:9091 > 127.0.0.1:40004 dnat"},
		{"udp", false, udp(lab.UDP{Local: port(40005), To: lab.ServerDNS}),
			"17 192.168.77.2:40005 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:40005 snat"},
		{"udp without answer", false, udp(lab.UDP{Local: port(40006), To: lab.ServerDiscard, NoReply: true}),
			"17 192.168.77.2:40006 > 203.0.113.9:9 | 203.0.113.9:9 > 203.0.113.1:40006 snat unreplied"},
		{"ping", false, ping(lab.Ping{To: lab.ServerIP, ID: 77}),
			"1 192.168.77.2 > 203.0.113.9 type 8 id 77 | 203.0.113.9 > 203.0.113.1 type 0 id 77 snat"},
		{"tcp over ipv6", true, tcp(lab.TCP{Local: port(40007), To: lab.ServerHTTPS6, Bytes: 10}),
			"6 [2001:db8:77::2]:40007 > [2001:db8:cb::9]:443 | [2001:db8:cb::9]:443 > [2001:db8:77::2]:40007"},
		{"udp over ipv6 from client2", true, udp(lab.UDP{From: l.Client2, Local: port(40008), To: lab.ServerDNS6}),
			"17 [2001:db8:77::3]:40008 > [2001:db8:cb::9]:53 | [2001:db8:cb::9]:53 > [2001:db8:77::3]:40008"},
		{"ping over ipv6", true, ping(lab.Ping{To: lab.ServerIP6, ID: 78}),
			"58 2001:db8:77::2 > 2001:db8:cb::9 type 128 id 78 | 2001:db8:cb::9 > 2001:db8:77::2 type 129 id 78"},
		{"udplite", false, func(l *lab.Lab) error {
			_, err := l.UDPLiteOnce(t.Context(), lab.UDP{Local: port(40009), To: lab.ServerDNS})
			return err
		}, "136 192.168.77.2:40009 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:40009 snat"},
		{"syn without answer", false, func(l *lab.Lab) error {
			_, err := l.SYNOnce(t.Context(), lab.TCP{Local: port(40010)})
			return err
		}, "6 192.168.77.2:40010 > 203.0.113.66:81 | 203.0.113.66:81 > 203.0.113.1:40010 snat unreplied"},
		{"sctp", false, func(l *lab.Lab) error {
			_, err := l.SCTPOnce(t.Context(), lab.SCTP{Local: port(40011), To: netip.AddrPortFrom(lab.ServerIP, 3868)})
			return err
		}, "132 192.168.77.2:40011 > 203.0.113.9:3868 | 203.0.113.9:3868 > 203.0.113.1:40011 snat"},
		{"sctp over ipv6", true, func(l *lab.Lab) error {
			_, err := l.SCTPOnce(t.Context(), lab.SCTP{From: l.Client2, Local: port(40012), To: netip.AddrPortFrom(lab.ServerIP6, 3868)})
			return err
		}, "132 [2001:db8:77::3]:40012 > [2001:db8:cb::9]:3868 | [2001:db8:cb::9]:3868 > [2001:db8:77::3]:40012"},
		{"protocol 253", false, func(l *lab.Lab) error { return l.RawOnce(t.Context(), lab.Raw{To: lab.ServerIP}) },
			"253 192.168.77.2:0 > 203.0.113.9:0 | 203.0.113.9:0 > 203.0.113.1:0 snat"},
		{"protocol 253 over ipv6", true, func(l *lab.Lab) error { return l.RawOnce(t.Context(), lab.Raw{To: lab.ServerIP6}) },
			"253 [2001:db8:77::2]:0 > [2001:db8:cb::9]:0 | [2001:db8:cb::9]:0 > [2001:db8:77::2]:0"},
		{"gre", false, func(l *lab.Lab) error { return l.GREOnce(t.Context(), lab.GRE{Raw: lab.Raw{To: lab.ServerIP}}) },
			"47 192.168.77.2:0 > 203.0.113.9:0 | 203.0.113.9:0 > 203.0.113.1:0 snat"},
		{"gre of pptp", false, func(l *lab.Lab) error {
			return l.GREOnce(t.Context(), lab.GRE{Raw: lab.Raw{From: l.Client2, To: lab.ServerIP}, CallID: 99})
		}, "47 192.168.77.3:0 > 203.0.113.9:99 | 203.0.113.9:99 > 203.0.113.1:0 snat unreplied"},
		{"ftp control", false, func(l *lab.Lab) error {
			_, err := l.FTPOnce(t.Context(), lab.FTP{Local: port(40013), Bytes: 50_000, Passive: true})
			return err
		}, "6 192.168.77.2:40013 > 203.0.113.9:21 | 203.0.113.9:21 > 203.0.113.1:40013 snat helper=ftp"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.ipv6 && !l.IPv6 {
				labtest.Lack(t, "IPv6")
			}
			if err := tt.do(l); err != nil {
				t.Fatal(err)
			}
			wantFlow(t, l, tt.want)
		})
	}
}

// TestFTPData has the helper tie the data connection to its master, both ways.
func TestFTPData(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		passive bool
		want    *regexp.Regexp
	}{
		{"active", false, regexp.MustCompile(`^6 203\.0\.113\.9:20 > 203\.0\.113\.1:(\d+) \| 192\.168\.77\.2:\d+ > 203\.0\.113\.9:20 dnat ` +
			`master=192\.168\.77\.2:41001 > 203\.0\.113\.9:21$`)},
		{"passive", true, regexp.MustCompile(`^6 192\.168\.77\.2:(\d+) > 203\.0\.113\.9:\d+ \| 203\.0\.113\.9:\d+ > 203\.0\.113\.1:\d+ snat ` +
			`master=192\.168\.77\.2:41001 > 203\.0\.113\.9:21$`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.New(t)
			if _, err := l.FTPOnce(t.Context(), lab.FTP{Local: port(41001), Bytes: 50_000, Passive: tt.passive}); err != nil {
				t.Fatal(err)
			}
			got := flows(t, l)
			if !slices.ContainsFunc(got, tt.want.MatchString) {
				t.Errorf("no flow like\n\t%s\nin\n\t%q", tt.want, got)
			}
		})
	}
}

// TestPortClash has both clients use one source port to one destination: the
// second one is rewritten, ICMP ids likewise.
func TestPortClash(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	for _, from := range []*lab.Namespace{l.Client, l.Client2} {
		if _, err := l.UDPOnce(t.Context(), lab.UDP{From: from, Local: port(4444), To: lab.ServerDNS}); err != nil {
			t.Fatal(err)
		}
		if err := l.PingOnce(t.Context(), lab.Ping{From: from, To: lab.ServerIP, ID: 77}); err != nil {
			t.Fatal(err)
		}
	}
	wantFlow(t, l, "17 192.168.77.2:4444 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:4444 snat")
	wantFlow(t, l, "1 192.168.77.2 > 203.0.113.9 type 8 id 77 | 203.0.113.9 > 203.0.113.1 type 0 id 77 snat")
	for _, want := range []struct{ before, after, kept string }{
		{"17 192.168.77.3:4444 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:", " snat", "4444"},
		{"1 192.168.77.3 > 203.0.113.9 type 8 id 77 | 203.0.113.9 > 203.0.113.1 type 0 id ", " snat", "77"},
	} {
		i := slices.IndexFunc(flows(t, l), func(s string) bool { return strings.HasPrefix(s, want.before) })
		if i < 0 {
			t.Fatalf("no flow %q", want.before)
		}
		if got := strings.TrimSuffix(strings.TrimPrefix(flows(t, l)[i], want.before), want.after); got == want.kept {
			t.Errorf("the clash left %s as it was", got)
		}
	}
}

// TestRules tries each rule part that others build on.
func TestRules(t *testing.T) {
	t.Parallel()
	const v4 = nftables.TableFamilyIPv4
	udp := lab.Proto(unix.IPPROTO_UDP)
	for _, tt := range []struct {
		name  string
		rules func(*lab.Lab) error
		want  string
	}{
		{"snat to a port", func(l *lab.Lab) error {
			return labtest.AddRule(l, v4, "nat", "postrouting",
				lab.OIf(lab.IfWAN), udp, labtest.Saddr(lab.ClientIP), labtest.SNAT(lab.GatewayWAN, 1024, 1024, false))
		}, "17 192.168.77.2:42001 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:1024 snat"},
		{"snat to a random port of a range of one", func(l *lab.Lab) error {
			return labtest.AddRule(l, v4, "nat", "postrouting", udp, lab.Dport(53), labtest.Daddr(lab.ServerIP), labtest.SNAT(lab.GatewayWAN, 2000, 2000, true))
		}, "17 192.168.77.2:42001 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:2000 snat"},
		{"dnat", func(l *lab.Lab) error {
			return labtest.AddRule(l, v4, "nat", "prerouting", lab.IIf(lab.IfLAN), udp, labtest.Sport(42001), lab.DNAT(lab.ServerIP, 9))
		}, "17 192.168.77.2:42001 > 203.0.113.9:53 | 203.0.113.9:9 > 203.0.113.1:42001 snat dnat unreplied"},
		{"zone", func(l *lab.Lab) error {
			return errors.Join(
				labtest.AddRule(l, v4, "filter", "raw_prerouting", lab.IIf(lab.IfLAN), labtest.SetZone(7)),
				labtest.AddRule(l, v4, "filter", "raw_prerouting", lab.IIf(lab.IfWAN), labtest.SetZone(7)))
		}, "17 192.168.77.2:42001 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:42001 snat zone=7"},
		{"mark", func(l *lab.Lab) error {
			return labtest.AddRule(l, v4, "filter", "mangle_prerouting", lab.CtNew(), labtest.SetMark(0x10))
		}, "17 192.168.77.2:42001 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:42001 snat mark=16"},
		{"label", func(l *lab.Lab) error {
			return labtest.AddRule(l, v4, "filter", "forward", labtest.SetLabel(9))
		}, "17 192.168.77.2:42001 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:42001 snat labels=00020000000000000000000000000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.New(t)
			if err := tt.rules(l); err != nil {
				t.Fatal(err)
			}
			if _, err := l.UDPOnce(t.Context(), lab.UDP{Local: port(42001), To: lab.ServerDNS, NoReply: true}); err != nil {
				t.Fatal(err)
			}
			wantFlow(t, l, tt.want)
		})
	}
}

// TestNoTrack keeps a flow out of the table, which a later one shows.
func TestNoTrack(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	err := labtest.AddRule(l, nftables.TableFamilyIPv4, "filter", "raw_prerouting",
		lab.Proto(unix.IPPROTO_UDP), lab.Dport(9), lab.Part{&expr.Notrack{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []netip.AddrPort{lab.ServerDiscard, lab.ServerDNS} {
		if _, err := l.UDPOnce(t.Context(), lab.UDP{Local: port(43001), To: to, NoReply: to == lab.ServerDiscard}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"17 192.168.77.2:43001 > 203.0.113.9:53 | 203.0.113.9:53 > 203.0.113.1:43001 snat"}
	if diff := cmp.Diff(want, flows(t, l)); diff != "" {
		t.Error(diff)
	}
}
