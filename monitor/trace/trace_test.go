//go:build linux

package trace

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor/filter"
	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

func open(t *testing.T, l *lab.Lab, wanted string, rate uint64) *Tracer {
	t.Helper()
	return openAt(t, l, wanted, Rate{rate, time.Second})
}

func openAt(t *testing.T, l *lab.Lab, wanted string, rate Rate) *Tracer {
	t.Helper()
	e, err := filter.Parse(wanted)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Open(Config{NetNS: l.Gateway.FD(), Wanted: e, Rate: rate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// packetsOf traces n packets of the traffic that act sends.
func packetsOf(t *testing.T, tr *Tracer, n int, act func(context.Context)) (all []*Packet) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var acting sync.WaitGroup
	acting.Go(func() { act(ctx) })
	done := errors.New("done")
	err := tr.Run(ctx, func(p *Packet) error {
		if all = append(all, p); len(all) == n {
			return done
		}
		return nil
	})
	cancel()
	acting.Wait()
	if !errors.Is(err, done) {
		t.Fatalf("%d of %d packets, lost %d, %v", len(all), n, tr.Lost, err)
	}
	return all
}

// way formats the steps of a packet, without policies that accept.
func way(p *Packet) (text string) {
	for i := range p.Steps {
		s := &p.Steps[i]
		now := ""
		if s.Rewrote {
			now = fmt.Sprintf("now %s -> %s\n", withoutPort(s.Headers.Src), withoutPort(s.Headers.Dst))
		}
		if !s.Sets {
			text += now
			now = ""
		}
		if s.Kind == Policy && s.Verdict == "accept" {
			continue
		}
		what := s.Text
		if s.Kind == Policy {
			what = "policy"
		}
		line := fmt.Sprintf("%s %s: %s: %s %s", s.Hook, s.Chain.String(), what, s.Verdict, s.Target)
		text += strings.TrimSpace(line) + "\n" + now
	}
	if p.NeverConfirmed() {
		text += "never confirmed\n"
	}
	return text
}

// withoutPort leaves out a port that the kernel chose.
func withoutPort(a netip.AddrPort) string {
	if a.Port() > 20000 {
		return a.Addr().String()
	}
	return a.String()
}

// TestRules sends a packet for each kind of rule, and compares its steps.
func TestRules(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	port := func(p uint16) netip.AddrPort { return netip.AddrPortFrom(lab.ServerIP, p) }
	elements := make([]string, 1000)
	for i := range elements {
		elements[i] = fmt.Sprintf("%d : 203.0.113.9", 20000+i)
	}
	for _, c := range []struct {
		name, rules string
		from        func(l *lab.Lab) *lab.Namespace // nil: the client
		to          netip.AddrPort
		want        string
	}{
		{"masquerade", "", nil, port(443), `
forward ip filter forward: ct state new accept: accept
postrouting ip nat postrouting: oifname "wan" masquerade: accept
`},
		{"dnat", "", func(l *lab.Lab) *lab.Namespace { return l.Server }, lab.PublishedHTTP, `
prerouting ip nat prerouting: iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80: accept
now 203.0.113.9 -> 192.168.77.2:80
forward ip filter forward: ct state new accept: accept
`},
		{"redirect", "", nil, lab.Redirected, `
prerouting ip nat prerouting: iifname "lan" tcp dport 8081 redirect to :9091: accept
`},
		{"a rule that drops", "insert rule ip filter forward tcp dport 443 drop", nil, port(443), `
forward ip filter forward: tcp dport 443 drop: drop
never confirmed
`},
		{"a policy that drops", "table inet fw { chain forward { type filter hook forward priority 5; policy drop; }; }",
			nil, port(443), `
forward ip filter forward: ct state new accept: accept
forward inet fw forward: policy: drop
never confirmed
`},
		{"reject", "insert rule ip filter forward tcp dport 443 reject with tcp reset", nil, port(443), `
forward ip filter forward: tcp dport 443 reject with tcp reset: drop
never confirmed
`},
		{"notrack", "insert rule ip filter raw_prerouting tcp dport 443 notrack", nil, port(443), `
prerouting ip filter raw_prerouting: tcp dport 443 notrack: continue
`},
		{"stateless rewrite", "insert rule ip filter raw_prerouting tcp dport 444 tcp dport set 443", nil, port(444), `
prerouting ip filter raw_prerouting: tcp dport 444 tcp dport set 443: continue
now 192.168.77.2 -> 203.0.113.9:443
forward ip filter forward: ct state new accept: accept
postrouting ip nat postrouting: oifname "wan" masquerade: accept
`},
		{"map", "add map ip nat m { type inet_service : ipv4_addr; elements = { " + strings.Join(elements, ", ") + " }; }\n" +
			"insert rule ip nat prerouting iifname \"lan\" dnat to tcp dport map @m", nil, port(20777), `
prerouting ip nat prerouting: iifname "lan" dnat to tcp dport map @m: accept
forward ip filter forward: ct state new accept: accept
postrouting ip nat postrouting: oifname "wan" masquerade: accept
`},
		{"jumps", "table ip filter { chain a { jump b; }; chain b { jump c; }; chain c { tcp dport 443 drop; }; }\n" +
			"insert rule ip filter forward jump a", nil, port(443), `
forward ip filter forward: jump a: jump a
forward ip filter a: jump b: jump b
forward ip filter b: jump c: jump c
forward ip filter c: tcp dport 443 drop: drop
never confirmed
`},
		{"ipv6", "insert rule ip6 filter forward tcp dport 443 drop", nil, lab.ServerHTTPS6, `
forward ip6 filter forward: tcp dport 443 drop: drop
never confirmed
`},
		{"iptables-nft drops", "iptables-nft -I FORWARD -p tcp --dport 443 -m comment --comment \"no https\" -j DROP",
			nil, port(443), `
forward ip filter FORWARD: tcp dport 443  counter packets 0 bytes 0 drop comment "no https": drop
never confirmed
`},
		{"iptables-nft rewrites", "iptables-nft -t nat -A PREROUTING -p tcp --dport 777 -j DNAT --to-destination " +
			"203.0.113.9:443", nil, port(777), `
prerouting ip nat PREROUTING: tcp dport 777 counter packets 0 bytes 0 dnat to 203.0.113.9:443: accept
now 192.168.77.2 -> 203.0.113.9:443
forward ip filter forward: ct state new accept: accept
postrouting ip nat postrouting: oifname "wan" masquerade: accept
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.NewWith(t, lab.Config{})
			if c.to.Addr().Is6() && !l.IPv6 {
				labtest.Lack(t, "IPv6")
			}
			labtest.Rules(t, l, c.rules)
			from := l.Client
			if c.from != nil {
				from = c.from(l)
			}
			tr := open(t, l, fmt.Sprintf("tcp and dport %d", c.to.Port()), 1000)
			p := packetsOf(t, tr, 1, func(ctx context.Context) { l.SYNOnce(ctx, lab.TCP{From: from, To: c.to}) })[0]
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), way(p)); diff != "" {
				t.Error(diff)
			}
			if notrack := strings.Contains(c.rules, "notrack"); (p.Flow.ID == 0) != notrack {
				t.Errorf("flow %+v", p.Flow)
			}
		})
	}
}

// TestComments reads comments without nft(8), and the tables of iptables-legacy.
func TestComments(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	labtest.Rules(t, l, "insert rule ip filter forward tcp dport 443 counter comment \"for nft\"")
	labtest.Rules(t, l, "iptables-nft -A FORWARD -m comment --comment \"for iptables\" -j ACCEPT")
	labtest.Rules(t, l, "iptables-legacy -t mangle -A FORWARD -j ACCEPT && ip6tables-legacy -A INPUT -j ACCEPT")
	t.Setenv("PATH", "")
	rules, err := ReadRules(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	for key, r := range rules.rules {
		if r.comment != "" {
			comments[key.chain] += r.text + r.comment
		}
	}
	want := map[string]string{"ip filter forward": "for nft", "ip filter FORWARD": "for iptables"}
	if diff := cmp.Diff(want, comments); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"iptables mangle", "ip6tables filter"}, rules.legacy); diff != "" {
		t.Error(diff)
	}
	if rules.noText == nil {
		t.Error("nft(8) was found")
	}
}

// TestManyFlows traces a hundred flows at once, each with a rule of its own.
func TestManyFlows(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	rules := "table inet many { chain forward { type filter hook forward priority 5; }; }\n"
	for i := range 100 {
		rules += fmt.Sprintf("add rule inet many forward tcp dport %d comment \"rule %d\"\n", 20000+i, i)
	}
	labtest.Rules(t, l, rules)
	tr := open(t, l, "tcp and dport 20000..20099", 100_000)
	var all sync.WaitGroup
	flows := map[uint32]bool{}
	for _, p := range packetsOf(t, tr, 100, func(ctx context.Context) {
		for i := range 100 {
			all.Go(func() { l.SYNOnce(ctx, lab.TCP{To: netip.AddrPortFrom(lab.ServerIP, uint16(20000+i))}) })
		}
		all.Wait()
	}) {
		var met []string
		for i := range p.Steps {
			if s := &p.Steps[i]; s.Chain.Table == "many" && s.Kind == Rule {
				met = append(met, s.Comment)
			}
		}
		want := fmt.Sprintf("rule %d", p.First.Dst.Port()-20000)
		if len(met) != 1 || met[0] != want || flows[p.Flow.ID] {
			t.Errorf("port %d met %q, flow %d", p.First.Dst.Port(), met, p.Flow.ID)
		}
		flows[p.Flow.ID] = true
	}
}

// TestRate sends 500 packets, of which one may be traced.
func TestRate(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	tr := openAt(t, l, "udp", Rate{1, time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan bool, 500)
	go func() {
		defer cancel()
		for i := range 500 {
			l.UDPOnce(ctx, lab.UDP{To: netip.AddrPortFrom(lab.Blackhole, uint16(1000+i)), NoReply: true})
		}
		<-first
	}()
	n := 0
	if err := tr.Run(ctx, func(*Packet) error { n++; first <- true; return nil }); err != nil {
		t.Fatal(err)
	}
	if n != 1 {
		t.Errorf("%d of 500 packets were traced at one an hour", n)
	}
}

// TestForeign checks that a packet which a rule of the user traces is left out.
func TestForeign(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	labtest.Rules(t, l, "insert rule ip filter raw_prerouting tcp dport 443 meta nftrace set 1")
	tr := open(t, l, "udp", 1000)
	p := packetsOf(t, tr, 1, func(ctx context.Context) {
		l.SYNOnce(ctx, lab.TCP{To: netip.AddrPortFrom(lab.ServerIP, 443)})
		l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS})
	})[0]
	if p.First.Dst != lab.ServerDNS {
		t.Errorf("%+v", p.First)
	}
}

// TestNothingLeft checks that the table is removed after Close.
func TestNothingLeft(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	tr := open(t, l, "udp", 1)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	labtest.WaitFor(t, "the end of the table", func() bool {
		rules, err := ReadRules(l.Gateway.FD())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range rules.chains {
			if strings.HasPrefix(c.Table, "natlens") {
				return false
			}
		}
		return true
	})
}

// TestJoin joins messages of packets that have the same trace id.
func TestJoin(t *testing.T) {
	headers := func(port uint16) Headers {
		server := netip.AddrPortFrom(lab.ServerIP, 53)
		return Headers{Proto: 17, Src: netip.AddrPortFrom(lab.ClientIP, port), Dst: server}
	}
	for _, c := range []struct {
		name     string
		messages []message
		chains   []string
		want     []string // the chains of each packet
	}{
		{"one packet", []message{{headers: headers(1)}, {headers: headers(1)}, {headers: headers(1), flow: Flow{ID: 7}}},
			[]string{"own", "a", "b"}, []string{"a b "}},
		{"another flow", []message{{headers: headers(1)}, {headers: headers(1), flow: Flow{ID: 7}},
			{headers: headers(2)}, {headers: headers(2), flow: Flow{ID: 8}}, {headers: headers(1), flow: Flow{ID: 7}}},
			[]string{"own", "a", "own", "a", "b"}, []string{"a b ", "a "}},
		{"the next packet of a flow", []message{{headers: headers(1)}, {headers: headers(1)}, {headers: headers(1)}, {}},
			[]string{"own", "a", "own", "b"}, []string{"a ", "b "}},
		{"after a drop", []message{{headers: headers(1)}, {}, {headers: headers(1)}, {}},
			[]string{"own", "drop", "own 2", "b"}, []string{"drop ", "b "}},
		{"of another program", []message{{headers: headers(1)}, {headers: headers(1)}}, []string{"a", "b"}, nil},
	} {
		var ps packets
		for i := range c.messages {
			m := &c.messages[i]
			m.handle = 1
			s := Step{Chain: Chain{Name: c.chains[i]}, Kind: Rule, Handle: 1, Verdict: c.chains[i]}
			ps.add(m, s, strings.HasPrefix(c.chains[i], "own"), time.Unix(1, 0), func(uint32) string { return "" })
		}
		var got []string
		for _, p := range ps.ended(time.Unix(1, 0)) {
			chains := ""
			for _, s := range p.Steps {
				chains += s.Chain.Name + " "
			}
			got = append(got, chains)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestFilters checks which filters can be compared with packets.
func TestFilters(t *testing.T) {
	for _, text := range []string{
		"", "tcp and dport 443", "not src 10.0.0.0/8", "host 10.0.0.1 and udp", "port {53,123,1000..2000}", "icmp.type 8",
		"not (tcp and dport 22)", "state established", "tcp and snat", "zone 5", "reply.src 10.0.0.1", "mark 5",
	} {
		var e filter.Expr
		if text != "" {
			var err error
			if e, err = filter.Parse(text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		_, err := match(e)
		golden.Words(t, text, err)
	}
}
