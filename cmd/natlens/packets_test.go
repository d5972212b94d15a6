//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// packet is what a host's own interface showed of one packet.
type packet struct {
	sent     bool // by the host; otherwise it came in
	proto    string
	src, dst netip.AddrPort // ICMP: the id as the port of both
	reply    bool
	// key is what NAT leaves as it is, and the flow alone has: of TCP the initial
	// sequence number, of UDP the length, of ICMP the sequence number.
	key uint32
}

// tap is a packet socket in a namespace of the lab, open before there is traffic.
type tap struct{ fd int }

func openTap(t *testing.T, n *lab.Namespace) tap {
	t.Helper()
	var fd int
	err := n.Do(func() (err error) {
		const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // in network order
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all&0xffff)
		return err
	})
	if err != nil {
		t.Fatalf("packet socket in %s: %v", n.Name(), err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return tap{fd}
}

// read returns what has passed since the last read.
func (t tap) read() (packets []packet, err error) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := unix.Recvfrom(t.fd, buf, 0)
		if errors.Is(err, unix.EAGAIN) {
			return packets, nil
		}
		if err != nil {
			return nil, err
		}
		link := from.(*unix.SockaddrLinklayer)
		if p, ok := decodePacket(buf[:n]); ok && link.Hatype == unix.ARPHRD_ETHER {
			p.sent = link.Pkttype == unix.PACKET_OUTGOING
			packets = append(packets, p)
		}
	}
}

// decodePacket reads an IPv4 header (RFC 791) and what of TCP (RFC 9293), UDP
// (RFC 768) or ICMP echo (RFC 792) is behind it. Packets that begin no
// direction of a flow are left out.
func decodePacket(b []byte) (p packet, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return p, false
	}
	header, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < 20 || total > len(b) || header+8 > total {
		return p, false
	}
	src, _ := netip.AddrFromSlice(b[12:16])
	dst, _ := netip.AddrFromSlice(b[16:20])
	body := b[header:total]
	sport, dport := binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:])
	switch b[9] {
	case unix.IPPROTO_TCP:
		const syn, ack = 0x02, 0x10
		if len(body) < 20 || body[13]&syn == 0 {
			return p, false
		}
		p.proto, p.reply, p.key = "tcp", body[13]&ack != 0, binary.BigEndian.Uint32(body[4:])
		if p.reply {
			p.key = binary.BigEndian.Uint32(body[8:]) - 1 // it acknowledges the SYN
		}
	case unix.IPPROTO_UDP:
		p.proto, p.reply, p.key = "udp", sport == lab.ServerDNS.Port(), uint32(binary.BigEndian.Uint16(body[4:]))
	case unix.IPPROTO_ICMP:
		const echo, echoReply = 8, 0
		if body[0] != echo && body[0] != echoReply {
			return p, false
		}
		p.proto, p.reply, p.key = "icmp", body[0] == echoReply, uint32(binary.BigEndian.Uint16(body[6:]))
		sport = binary.BigEndian.Uint16(body[4:])
		dport = sport
	default:
		return p, false
	}
	p.src, p.dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	return p, true
}

// passage is one flow as the hosts on both sides of the gateway saw it: its
// first packet where it left and where it came in, and the answer likewise.
type passage struct{ left, came, answered, returned *packet }

func (p *passage) whole() bool {
	return p.left != nil && p.came != nil && p.answered != nil && p.returned != nil
}

// passages puts packets of all hosts together by what NAT leaves as it is.
func passages(packets []packet) map[string]*passage {
	flows := map[string]*passage{}
	for i := range packets {
		p := &packets[i]
		name := fmt.Sprintf("%s %d", p.proto, p.key)
		if flows[name] == nil {
			flows[name] = new(passage)
		}
		f := flows[name]
		at := map[[2]bool]**packet{
			{true, false}: &f.left, {false, false}: &f.came, {true, true}: &f.answered, {false, true}: &f.returned,
		}[[2]bool{p.sent, p.reply}]
		*at = p
	}
	return flows
}

// said is what a JSON line must say of a flow.
type said struct{ Proto, Orig, Reply, NAT string }

// shows returns what the packets on both sides show.
func (p *passage) shows() said {
	s := said{
		Proto: p.left.proto,
		Orig:  fmt.Sprint(p.left.src, " ", p.left.dst),
		Reply: fmt.Sprint(p.answered.src, " ", p.answered.dst),
	}
	var kinds []string
	if p.left.src != p.came.src {
		kinds = append(kinds, "snat "+p.came.src.String())
	}
	if p.left.dst != p.came.dst && p.left.proto != "icmp" { // the id is the source's
		kinds = append(kinds, "dnat "+p.came.dst.String())
	}
	s.NAT = strings.Join(kinds, " ")
	return s
}

// lineSays returns what a JSON line says.
func lineSays(line map[string]any) said {
	tuple := func(name string) string {
		t := line[name].(map[string]any)
		if id, ok := t["id"]; ok {
			return fmt.Sprintf("%v:%v %v:%v", t["src"], id, t["dst"], id)
		}
		return fmt.Sprintf("%v:%v %v:%v", t["src"], t["sport"], t["dst"], t["dport"])
	}
	s := said{Proto: line["proto"].(string), Orig: tuple("orig"), Reply: tuple("reply")}
	nat, _ := line["nat"].(map[string]any)
	var kinds []string
	if port, ok := nat["sport"]; ok {
		kinds = append(kinds, fmt.Sprintf("snat %v:%v", nat["src"], port))
	} else if id, ok := nat["id"]; ok {
		kinds = append(kinds, fmt.Sprintf("snat %v:%v", nat["src"], id))
	}
	if port, ok := nat["dport"]; ok {
		kinds = append(kinds, fmt.Sprintf("dnat %v:%v", nat["dst"], port))
	}
	s.NAT = strings.Join(kinds, " ")
	if kind, want := nat["kind"], map[string]string{"s": "snat", "d": "dnat"}; len(kinds) == 1 && kind != want[kinds[0][:1]] {
		s.NAT = fmt.Sprintf("%s, but its kind is %v", s.NAT, kind)
	}
	return s
}

// TestNATIsWhatThePacketsShow watches the lab's gateway, captures packets in the
// namespaces on both sides of it, and holds what natlens says of NAT, in every
// line, to what was done to the packets.
func TestNATIsWhatThePacketsShow(t *testing.T) {
	l := labtest.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	taps := []tap{openTap(t, l.Client), openTap(t, l.Client2), openTap(t, l.Server)}
	snat := begin(t, ctx, l, cli.Console{}, "watch", "-o", "jsonl", "snat and reply.dport in 1024..65535")
	icmp := begin(t, ctx, l, cli.Console{}, "watch", "-o", "jsonl", "snat and icmp")
	dnat := begin(t, ctx, l, cli.Console{}, "watch", "-o", "jsonl", "dnat")

	natTraffic(t, ctx, l)

	var packets []packet
	const flows = 13
	labtest.WaitFor(t, "packets of every flow", func() bool {
		for _, tap := range taps {
			p, err := tap.read()
			if err != nil {
				t.Fatal(err)
			}
			packets = append(packets, p...)
		}
		whole := 0
		for _, p := range passages(packets) {
			if p.whole() {
				whole++
			}
		}
		return whole >= flows
	})
	seen := passages(packets)
	if len(seen) != flows {
		t.Fatalf("%d flows in the packets, want %d", len(seen), flows)
	}
	for name, p := range seen {
		if p.returned.src != p.left.dst || p.returned.dst != p.left.src {
			t.Errorf("%s: what left for %s came back from %s to %s", name, p.left.dst, p.returned.src, p.returned.dst)
		}
	}
	for _, c := range []struct {
		r      *running
		wanted func(*passage) bool
		flows  int
	}{
		{snat, func(p *passage) bool {
			return p.left.proto != "icmp" && p.left.src != p.came.src && p.answered.dst.Port() >= 1024
		}, 8},
		{icmp, func(p *passage) bool { return p.left.proto == "icmp" && p.left.src != p.came.src }, 2},
		{dnat, func(p *passage) bool { return p.left.proto != "icmp" && p.left.dst != p.came.dst }, 1},
	} {
		checkSaid(t, c.r, seen, c.wanted, c.flows)
	}
	cancel()
	for _, r := range []*running{snat, icmp, dnat} {
		if code := r.end(t); code != 0 {
			t.Errorf("code %d, standard error %s", code, r.stderr.String())
		}
	}
}

// natTraffic makes ten TCP and UDP flows with rewritten sources, two of them from
// ports below 1024, two pings with one id, and one flow with a rewritten
// destination.
func natTraffic(t *testing.T, ctx context.Context, l *lab.Lab) {
	t.Helper()
	port := func(n uint16) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, n) }
	tcp := func(c lab.TCP) func() error { return func() error { _, err := l.TCPOnce(ctx, c); return err } }
	udp := func(c lab.UDP) func() error { return func() error { _, err := l.UDPOnce(ctx, c); return err } }
	for i, do := range []func() error{
		tcp(lab.TCP{To: lab.ServerHTTPS, Bytes: 100}),
		tcp(lab.TCP{To: lab.ServerHTTP, Bytes: 100}),
		tcp(lab.TCP{From: l.Client2, To: lab.ServerHTTPS, Bytes: 100}),
		// One port and one destination for both clients: the second is rewritten.
		tcp(lab.TCP{Local: port(4444), To: lab.ServerSSH, Bytes: 10}),
		tcp(lab.TCP{From: l.Client2, Local: port(4444), To: lab.ServerSSH, Bytes: 10}),
		tcp(lab.TCP{Local: port(700), To: lab.ServerHTTP}),
		udp(lab.UDP{To: lab.ServerDNS, Bytes: 31}),
		udp(lab.UDP{Local: port(5555), To: lab.ServerDNS, Bytes: 32}),
		udp(lab.UDP{From: l.Client2, Local: port(5555), To: lab.ServerDNS, Bytes: 33}),
		udp(lab.UDP{Local: port(900), To: lab.ServerDNS, Bytes: 34}),
		func() error { return l.PingOnce(ctx, lab.Ping{To: lab.ServerIP, ID: 77, Seq: 1}) },
		func() error { return l.PingOnce(ctx, lab.Ping{From: l.Client2, To: lab.ServerIP, ID: 77, Seq: 2}) },
		tcp(lab.TCP{From: l.Server, To: lab.PublishedHTTP, Bytes: 10}),
	} {
		if err := do(); err != nil {
			t.Fatalf("flow %d: %v", i, err)
		}
	}
}

// checkSaid holds every line of a run to the packets of its flow, and the flows of
// the run to those that are wanted.
func checkSaid(t *testing.T, r *running, seen map[string]*passage, wanted func(*passage) bool, flows int) {
	t.Helper()
	want := map[string]said{}
	for _, p := range seen {
		if wanted(p) {
			s := p.shows()
			want[s.Proto+" "+s.Orig] = s
		}
	}
	if len(want) != flows {
		t.Errorf("the packets show %d flows that the filter wants, there should be %d: %v", len(want), flows, want)
	}
	got := map[string]said{}
	collect := func() map[string]said {
		text := r.stdout.String()
		for _, line := range decodeLines(t, text[:strings.LastIndexByte(text, '\n')+1]) {
			s := lineSays(line)
			name := s.Proto + " " + s.Orig
			if before, ok := got[name]; ok && before != s {
				t.Errorf("a later line says %+v, an earlier one %+v", s, before)
			}
			got[name] = s
		}
		return got
	}
	for end := time.Now().Add(deadline); len(collect()) < len(want) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the packets show (-) and what natlens says (+):\n%s", diff)
	}
}
