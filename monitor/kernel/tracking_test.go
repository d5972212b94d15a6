//go:build linux

package kernel

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"natlens/monitor/lab"
)

// TestReadTracking loads rules that turn conntrack on, and some that do not, and
// expects those alone to be told.
func TestReadTracking(t *testing.T) {
	l := lab.NewWith(t, lab.Config{})
	none, err := ReadTracking(l.Server.FD())
	if err != nil {
		t.Fatal(err)
	}
	none.Legacy = nil // what modules the host has loaded
	if !reflect.DeepEqual(none, Tracking{}) {
		t.Errorf("the server has no rules, got %+v", none)
	}
	if err := l.NFT(func(c *nftables.Conn) error { c.FlushRuleset(); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name  string
		exprs []expr.Any
		table nftables.TableFamily
		want  Tracking
	}{
		{"notrack", []expr.Any{&expr.Notrack{}}, nftables.TableFamilyIPv4, Tracking{}},
		{"ct", []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: 1}}, nftables.TableFamilyIPv6,
			Tracking{IPv6: true, Count: 1, By: []Tracker{{"ip6", "ct", "c", "ct"}}}},
		{"masq", []expr.Any{&expr.Counter{}, &expr.Masq{}}, nftables.TableFamilyIPv4,
			Tracking{IPv4: true, Count: 1, By: []Tracker{{"ip", "masq", "c", "masq"}}}},
		{"inet", []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: 1}, &expr.Ct{Key: expr.CtKeyMARK, Register: 1}}, nftables.TableFamilyINet,
			Tracking{IPv4: true, IPv6: true, Count: 1, By: []Tracker{{"inet", "inet", "c", "ct"}}}},
	} {
		t.Run(step.name, func(t *testing.T) {
			table := &nftables.Table{Family: step.table, Name: step.name}
			err := l.NFT(func(c *nftables.Conn) error {
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
			if err := l.NFT(func(c *nftables.Conn) error { c.DelTable(table); return nil }); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTrackingObject expects an object that nobody refers to yet.
func TestTrackingObject(t *testing.T) {
	l := lab.NewWith(t, lab.Config{Helpers: true})
	got, err := ReadTracking(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, by := range got.By {
		all = append(all, by.String())
	}
	for _, want := range []string{"ip nat postrouting: masq", "ip nat prerouting: nat", "ip nat output: redir", "ip filter forward: ct", "ip filter ftp: ct helper"} {
		if !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("%s is not in %q", want, all)
		}
	}
	if got.Count < len(got.By) || !got.IPv4 || got.IPv6 != l.IPv6 {
		t.Errorf("got %+v", got)
	}
}

// FuzzTracking feeds answers of any bytes.
func FuzzTracking(f *testing.F) {
	f.Add([]byte{6, 0, 1, 0, 'x', 0, 0, 0, 6, 0, 2, 0, 'c', 0, 0, 0, 16, 0, 4, 0, 12, 0, 1, 0, 7, 0, 1, 0, 'c', 't', 0, 0})
	f.Add([]byte{4, 0, 4, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var tr Tracking
		_ = tr.rule("ip", b)
		_ = tr.object("ip", b)
		if len(tr.By) > tr.Count {
			t.Errorf("%+v", tr)
		}
	})
}

// TestSysctl writes a setting in a namespace and reads it there.
func TestSysctl(t *testing.T) {
	l := lab.NewWith(t, lab.Config{})
	const name = "net.netfilter.nf_conntrack_acct"
	if err := WriteSysctl(l.Gateway.FD(), name, "1"); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[*lab.Namespace]string{l.Gateway: "1", l.Server: "0"} {
		if got, err := ReadSysctl(at.FD(), name); got != want || err != nil {
			t.Errorf("%s: got %q, %v", at.Name(), got, err)
		}
	}
	if _, err := ReadSysctl(0, "net.netfilter.nf_nothing"); !errors.Is(err, ErrNoSysctl) || err.Error() != "read net.netfilter.nf_nothing: no such setting here" {
		t.Errorf("got %v", err)
	}
	if err := WriteSysctl(l.Gateway.FD(), name, "many"); err == nil || err.Error() != "set "+name+" to many: invalid argument" {
		t.Errorf("got %v", err)
	}
}

// TestNetNSCookie expects a number for each namespace, always the same.
func TestNetNSCookie(t *testing.T) {
	l := lab.NewWith(t, lab.Config{})
	seen := map[uint64]string{}
	for _, n := range []*lab.Namespace{l.Gateway, l.Client, l.Server} {
		a, err := NetNSCookie(n.FD())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := NetNSCookie(n.FD()); a != b || err != nil {
			t.Errorf("%s: %d, then %d, %v", n.Name(), a, b, err)
		}
		if other, ok := seen[a]; ok {
			t.Errorf("%s and %s have the same", n.Name(), other)
		}
		seen[a] = n.Name()
	}
}
