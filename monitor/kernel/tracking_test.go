//go:build linux

package kernel

import (
	"errors"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

// TestReadTracking loads rules that turn conntrack on, and some that do not, and
// expects only the former.
func TestReadTracking(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	none, err := ReadTracking(l.Server.FD())
	if err != nil {
		t.Fatal(err)
	}
	none.Legacy = nil // what modules the host has loaded
	if !reflect.DeepEqual(none, monitor.Tracking{}) {
		t.Errorf("the server has no rules, got %+v", none)
	}
	if err := l.Gateway.NFT(func(c *nftables.Conn) error { c.FlushRuleset(); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name  string
		exprs []expr.Any
		table nftables.TableFamily
		want  monitor.Tracking
	}{
		{"notrack", []expr.Any{&expr.Notrack{}}, nftables.TableFamilyIPv4, monitor.Tracking{}},
		{"ct", []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: 1}}, nftables.TableFamilyIPv6,
			monitor.Tracking{IPv6: true, Count: 1, By: []string{"ip6 ct c: ct"}}},
		{"masq", []expr.Any{&expr.Counter{}, &expr.Masq{}}, nftables.TableFamilyIPv4,
			monitor.Tracking{IPv4: true, Count: 1, By: []string{"ip masq c: masq"}}},
		{"inet", []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: 1}, &expr.Ct{Key: expr.CtKeyMARK, Register: 1}},
			nftables.TableFamilyINet,
			monitor.Tracking{IPv4: true, IPv6: true, Count: 1, By: []string{"inet inet c: ct"}}},
	} {
		t.Run(step.name, func(t *testing.T) {
			table := &nftables.Table{Family: step.table, Name: step.name}
			err := l.Gateway.NFT(func(c *nftables.Conn) error {
				c.AddTable(table)
				chain := c.AddChain(&nftables.Chain{Name: "c", Table: table})
				c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: step.exprs})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := ReadTracking(l.Gateway.FD())
			got.Legacy = nil
			if err != nil || !reflect.DeepEqual(got, step.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, step.want)
			}
			if err := l.Gateway.NFT(func(c *nftables.Conn) error { c.DelTable(table); return nil }); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTrackingObject expects an object that no rule refers to yet.
func TestTrackingObject(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{Helpers: true})
	got, err := ReadTracking(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ip nat postrouting: masq", "ip nat prerouting: nat", "ip nat output: redir",
		"ip filter forward: ct", "ip filter ftp: ct helper"} {
		if !strings.Contains(strings.Join(got.By, "\n"), want) {
			t.Errorf("%s is not in %q", want, got.By)
		}
	}
	if got.Count < len(got.By) || !got.IPv4 || got.IPv6 != l.IPv6 {
		t.Errorf("got %+v", got)
	}
}

// TestSysctl writes a setting in a namespace and reads it there.
func TestSysctl(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	const name = "net.netfilter.nf_conntrack_acct"
	if err := netns.WriteSysctl(l.Gateway.FD(), name, "1"); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[*lab.Namespace]string{l.Gateway: "1", l.Server: "0"} {
		if got, err := netns.ReadSysctl(at.FD(), name); got != want || err != nil {
			t.Errorf("%s: got %q, %v", at.Name(), got, err)
		}
	}
	_, err := netns.ReadSysctl(0, "net.netfilter.nf_nothing")
	golden.Words(t, "read", err)
	if !errors.Is(err, netns.ErrNoSysctl) {
		t.Error(err)
	}
	golden.Words(t, "write", netns.WriteSysctl(l.Gateway.FD(), name, "many"))
}

// TestTrackingIptables makes rules of iptables-nft with every match and target that is
// said to turn conntrack on, and with some that are not, and expects the kernel to
// track packets where it is said that it does, and nowhere else.
func TestTrackingIptables(t *testing.T) {
	labtest.Need(t, "iptables-nft")
	l := labtest.NewWith(t, lab.Config{})
	s := openService(t, l.Gateway)
	for _, c := range []struct{ rule, want string }{
		{"-A INPUT -m conntrack --ctstate NEW", "ip filter INPUT: xt conntrack"},
		{"-A INPUT -m state --state NEW", "ip filter INPUT: xt conntrack"},
		{"-A INPUT -m connmark --mark 1", "ip filter INPUT: xt connmark"},
		{"-A INPUT -m connbytes --connbytes 1 --connbytes-dir both --connbytes-mode bytes", "ip filter INPUT: xt connbytes"},
		{"-A INPUT -m connlimit --connlimit-above 5", "ip filter INPUT: xt connlimit"},
		{"-A INPUT -m helper --helper ftp", "ip filter INPUT: xt helper"},
		{"-A INPUT -m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-hash-seed 1",
			"ip filter INPUT: xt cluster"},
		{"-t nat -A POSTROUTING -j SNAT --to-source 192.0.2.1", "ip nat POSTROUTING: xt SNAT"},
		{"-t nat -A PREROUTING -j DNAT --to-destination 192.0.2.1", "ip nat PREROUTING: xt DNAT"},
		{"-t nat -A POSTROUTING -j MASQUERADE", "ip nat POSTROUTING: xt MASQUERADE"},
		{"-t nat -A PREROUTING -p udp -j REDIRECT --to-ports 53", "ip nat PREROUTING: xt REDIRECT"},
		{"-t nat -A POSTROUTING -j NETMAP --to 192.0.2.0/24", "ip nat POSTROUTING: xt NETMAP"},
		{"-t raw -A PREROUTING -j CT --zone 1", "ip raw PREROUTING: xt CT"},
		{"-t mangle -A INPUT -j CONNMARK --set-mark 1", "ip mangle INPUT: xt CONNMARK"},
		{"-t mangle -A INPUT -j CONNSECMARK --save", "ip mangle INPUT: xt CONNSECMARK"},
		{"-A INPUT -p tcp -j SYNPROXY", "ip filter INPUT: xt SYNPROXY"},
		{"-A INPUT -m mark --mark 1 -j DROP", ""},
		{"-t mangle -A INPUT -j MARK --set-mark 1", ""},
		{"-A INPUT -p udp --dport 1 -m comment --comment x -j DROP", ""},
		{"-A INPUT -m limit --limit 1/s -j ACCEPT", ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if err := l.Gateway.NFT(func(c *nftables.Conn) error { c.FlushRuleset(); return nil }); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			var out []byte
			err := l.Gateway.Do(func() (err error) {
				out, err = exec.CommandContext(t.Context(), "iptables-nft", strings.Fields(c.rule)...).CombinedOutput()
				return err
			})
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got, err := ReadTracking(l.Gateway.FD())
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(got.By, "")
			if text != c.want {
				t.Errorf("said: %q, wanted %q", text, c.want)
			}
			if _, err := l.UDPOnce(t.Context(), lab.UDP{From: l.Gateway, To: lab.ServerDNS, NoReply: true}); err != nil {
				t.Fatal(err)
			}
			fill, err := s.Fill(t.Context())
			if err != nil || (fill.Entries > 0) != (c.want != "") {
				t.Errorf("said: %q; %d flows are tracked; %v", text, fill.Entries, err)
			}
		})
	}
}
