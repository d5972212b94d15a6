//go:build linux

package trace

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor/filter"
	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

func openAnswers(t *testing.T, l *lab.Lab, wanted string) *Tracer {
	t.Helper()
	e, err := filter.Parse(wanted)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Open(Config{NetNS: l.Gateway.FD(), Wanted: e, Rate: Rate{10, time.Second}, Answers: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// begin formats the path of a packet through the host.
func begin(p *Packet) string {
	text := fmt.Sprintf("%s %s", p.First.Proto, ends(&p.First))
	if p.Answer {
		text = "answer " + text
	}
	if p.First.Proto.IsICMP() {
		text += fmt.Sprintf(" type %d code %d", p.First.ICMP>>8, p.First.ICMP&0xff)
	}
	if p.First.Flags != 0 {
		text += fmt.Sprintf(" flags %#x", p.First.Flags&0x17)
	}
	for _, hook := range []string{"tracked", "forward", "input", "postrouting"} {
		if slices.Contains(p.Hooks, hook) {
			text += ", " + hook
		}
	}
	return text + ": " + ends(&p.Last)
}

func ends(h *Headers) string {
	if h.Proto.IsICMP() {
		return h.Src.Addr().String() + " to " + h.Dst.Addr().String()
	}
	return withoutPort(h.Src) + " to " + withoutPort(h.Dst)
}

// TestAnswers traces how flows begin: what opens them, the answer, and ICMP errors. The
// packets of a TCP connection between are not traced.
func TestAnswers(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	closed := netip.AddrPortFrom(lab.ServerIP, 99)
	for _, c := range []struct {
		wanted string
		act    func(context.Context)
		want   []string
	}{
		{"tcp dst 203.0.113.1 dport 8080", func(ctx context.Context) {
			_, _ = l.TCPOnce(ctx, lab.TCP{From: l.Server, To: lab.PublishedHTTP, Bytes: 5000, Abort: true})
		}, []string{
			"tcp 203.0.113.9 to 203.0.113.1:8080 flags 0x2, tracked, forward, postrouting: 203.0.113.9 to 192.168.77.2:80",
			"answer tcp 192.168.77.2:80 to 203.0.113.9 flags 0x12, tracked, forward, postrouting: " +
				"203.0.113.1:8080 to 203.0.113.9",
			"tcp 203.0.113.9 to 203.0.113.1:8080 flags 0x14, tracked, forward, postrouting: 203.0.113.9 to 192.168.77.2:80",
		}},
		{"udp dst 203.0.113.9 dport 99", func(ctx context.Context) {
			_, _ = l.UDPOnce(ctx, lab.UDP{To: closed, NoReply: true})
		}, []string{
			"udp 192.168.77.2 to 203.0.113.9:99, tracked, forward, postrouting: 203.0.113.1 to 203.0.113.9:99",
			"answer icmp 203.0.113.9 to 203.0.113.1 type 3 code 3, tracked, forward, postrouting: " +
				"203.0.113.9 to 192.168.77.2",
		}},
	} {
		tr := openAnswers(t, l, c.wanted)
		var got []string
		for _, p := range packetsOf(t, tr, len(c.want), c.act) {
			got = append(got, begin(p))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.wanted, diff)
		}
		tr.Close()
	}
}

// TestAlso traces packets of a filter that is added later.
func TestAlso(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	tr := openAnswers(t, l, "tcp dport 1")
	e, err := filter.Parse("udp dport 53")
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Also(e); err != nil {
		t.Fatal(err)
	}
	p := packetsOf(t, tr, 1, func(ctx context.Context) { _, _ = l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS}) })[0]
	if p.Answer || p.First.Dst != lab.ServerDNS {
		t.Error(begin(p))
	}
}

// TestForwards finds the rules that forward packets to a port, whatever their interface and sender.
func TestForwards(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	rules := `flush table ip nat
add set ip nat web { type inet_service; elements = { 80, 8080 }; }
add set ip nat other { type inet_service; elements = { 81 }; }
add chain ip nat far
`
	for _, rule := range []string{
		"tcp dport 8080 dnat to 192.168.77.2:80",
		"ip protocol tcp tcp dport 8080 counter dnat to 192.168.77.2:80",
		"meta l4proto tcp th dport 8080 redirect to :80",
		"iifname wan ip saddr 192.0.2.1 tcp dport @web dnat to 192.168.77.2",
		"iif lan2 tcp dport 8000-8100 dnat to 192.168.77.2-192.168.77.9",
		"tcp dport { 80, 8080 } dnat to 192.168.77.2",
		"dnat ip to tcp dport map { 80 : 192.168.77.3 . 8080, 8080 : 192.168.77.2 . 80 }",
		"ip daddr 203.0.113.1 dnat to 192.168.77.2",
		"fib daddr type local jump far",
		"udp dport 8080 dnat to 192.168.77.9", // from here on none does
		"tcp dport 80 dnat to 192.168.77.9:8080",
		"tcp dport 8081-8100 dnat to 192.168.77.9",
		"tcp dport { 80, 8000-8079 } dnat to 192.168.77.9",
		"dnat ip to tcp dport map { 80 : 192.168.77.9 . 8080 }",
		"ip daddr 203.0.113.10 dnat to 192.168.77.9",
		"tcp dport @other dnat to 192.168.77.9",
		"tcp dport 8080 accept",
		"tcp dport 8080 dnat to 192.168.77.9",
	} {
		rules += "add rule ip nat prerouting " + rule + "\n"
	}
	labtest.Rules(t, l, rules+"add rule ip nat far meta l4proto tcp dnat to 192.168.77.5:8443\n")
	tr := open(t, l, "tcp", 1)
	var got []string
	src := netip.AddrPortFrom(lab.ServerIP, 40000)
	for _, f := range tr.Forwards(&Headers{Proto: 6, Src: src, Dst: lab.PublishedHTTP}) {
		got = append(got, fmt.Sprintf("%s: to %s port %d in %q", fixed(f.Text), f.To.Addr(), f.To.Port(), f.In))
	}
	golden.Words(t, "", strings.Join(got, "\n"))
}
