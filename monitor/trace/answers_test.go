//go:build linux

package trace

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor/filter"
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
		if p.Reached(hook) {
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
