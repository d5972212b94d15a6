//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/translation"
)

// stampedPacket is a packet with the kernel's time of it.
type stampedPacket struct {
	packet
	at time.Time
}

// readStamped returns what has passed since the last read, with times: the socket
// has SO_TIMESTAMPNS.
func (t tap) readStamped() (packets []stampedPacket, err error) {
	buf, control := make([]byte, 64<<10), make([]byte, 256)
	for {
		n, c, _, from, err := unix.Recvmsg(t.fd, buf, control, 0)
		if errors.Is(err, unix.EAGAIN) {
			return packets, nil
		}
		if err != nil {
			return nil, err
		}
		link := from.(*unix.SockaddrLinklayer)
		p, ok := decodePacket(buf[:n])
		if !ok || link.Hatype != unix.ARPHRD_ETHER {
			continue
		}
		p.sent = link.Pkttype == unix.PACKET_OUTGOING
		messages, err := unix.ParseSocketControlMessage(control[:c])
		if err != nil || len(messages) == 0 || len(messages[0].Data) < 16 {
			return nil, fmt.Errorf("no time with a packet: %v", err)
		}
		seconds := binary.NativeEndian.Uint64(messages[0].Data)
		nanos := binary.NativeEndian.Uint64(messages[0].Data[8:])
		packets = append(packets, stampedPacket{p, time.Unix(int64(seconds), int64(nanos))})
	}
}

func stamped(t *testing.T, tap tap) tap {
	t.Helper()
	if err := unix.SetsockoptInt(tap.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(tap.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<20); err != nil {
		t.Fatal(err)
	}
	return tap
}

// clashes makes flows of both clients, each from a port that the other one uses as
// well, to one server: SNAT has to give every second one another port. Each is reported
// by its length, which NAT leaves alone.
func clashes(t *testing.T, ctx context.Context, l *lab.Lab, flows int) {
	t.Helper()
	for i := range flows {
		from := []*lab.Namespace{l.Client, l.Client2}[i%2]
		port := netip.AddrPortFrom(netip.Addr{}, uint16(20000+i/2))
		if _, err := l.UDPOnce(ctx, lab.UDP{From: from, Local: port, To: lab.ServerDNS, Bytes: 20 + i}); err != nil {
			t.Fatalf("flow %d: %v", i, err)
		}
	}
}

// whoAnswer is what who -o jsonl says about one packet.
type whoAnswer struct {
	hosts   []string // inside
	certain []bool
	verdict translation.VerdictRow
}

// add takes in a translation.
func (a *whoAnswer) add(row *translation.Row) {
	a.hosts = append(a.hosts, fmt.Sprintf("%s:%d", row.Inside.Addr, *row.Inside.Port))
	a.certain = append(a.certain, len(row.Doubt) == 0)
}

// askWho asks for a packet's outside address at its time.
func askWho(t *testing.T, dir string, outside netip.AddrPort, at time.Time) (a whoAnswer) {
	t.Helper()
	c := call(t.Context(), cli.Console{}, "who", outside.String(), "--proto", "udp", "--at", at.UTC().Format(time.RFC3339Nano), "--history", dir, "-o", "jsonl")
	lines := strings.Split(strings.TrimSuffix(c.stdout.String(), "\n"), "\n")
	for _, line := range lines[:len(lines)-1] {
		var row translation.Row
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		a.add(&row)
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &a.verdict); err != nil || c.stderr.String() != "" {
		t.Fatalf("%q, %q: %v", c.stdout.String(), c.stderr.String(), err)
	}
	if found := len(a.hosts) > 0; found != (c.code == 0) || c.code > 1 {
		t.Errorf("%d answers, code %d", len(a.hosts), c.code)
	}
	return a
}

// findWho asks the same without a command line.
func findWho(t *testing.T, book *history.Reader, outside netip.AddrPort, at time.Time) (a whoAnswer) {
	t.Helper()
	q := translation.Query{
		Outside: translation.End{Addr: monitor.AddrFrom(outside.Addr()), Port: outside.Port(), HasPort: true}, Proto: monitor.UDP,
		Since: monitor.Time(at.UnixNano()), Until: monitor.Time(at.UnixNano()),
	}
	res, err := book.Find(t.Context(), q, func(answer *translation.Answer) error {
		row := translation.NewRow(answer)
		a.add(&row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v := translation.Decide(q, res)
	a.verdict = translation.NewVerdictRow(&v, 0)
	return a
}

// insideOf finds, by the packets that the clients sent, whose each flow is.
func insideOf(t *testing.T, taps ...tap) map[uint32]netip.AddrPort {
	t.Helper()
	inside := map[uint32]netip.AddrPort{}
	for _, tap := range taps {
		packets, err := tap.readStamped()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			if p.sent && !p.reply && p.proto == "udp" {
				inside[p.key] = p.src
			}
		}
	}
	return inside
}

// held is what holders saw.
type held struct {
	packets []stampedPacket           // outside of the gateway, the clients' own
	inside  map[uint32]netip.AddrPort // whose each of them is
	dir     string                    // the history
	book    *history.Reader
	said    string // by natlens, on standard error
}

// holders makes flows through SNAT with clashes of ports, while natlens records
// the history and their packets are captured on both sides of the gateway.
func holders(t *testing.T, flows int, args ...string) held {
	t.Helper()
	l := labtest.NewWith(t, lab.Config{Timestamp: true})
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	taps := []tap{stamped(t, openTap(t, l.Client)), stamped(t, openTap(t, l.Client2)), stamped(t, openTap(t, l.Server))}
	h := held{dir: t.TempDir()}
	stream, end := context.WithCancel(ctx)
	r := begin(t, stream, l, cli.Console{}, append([]string{"record", "--history", h.dir}, args...)...)
	clashes(t, ctx, l, flows)
	end()
	code := r.end(t)
	if h.said = r.stderr.String(); code != 0 {
		t.Fatalf("code %d, %s", code, h.said)
	}
	h.inside = insideOf(t, taps[0], taps[1])
	packets, err := taps[2].readStamped()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if !p.reply && !p.sent && p.proto == "udp" {
			h.packets = append(h.packets, p)
		}
	}
	if h.book, err = history.Open(h.dir); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestWhoNamesTheHost makes a thousand flows through SNAT with clashes of ports,
// captures their packets outside of the gateway, and asks of each whose it was at
// its time: the right one, for sure.
func TestWhoNamesTheHost(t *testing.T) {
	const flows = 1000
	h := holders(t, flows)
	if !strings.Contains(h.said, "natlens: history: ") {
		t.Error(h.said)
	}
	asked, rewritten := 0, 0
	for _, p := range h.packets {
		asked++
		want := h.inside[p.key]
		if want.Port() != p.src.Port() {
			rewritten++
		}
		got := findWho(t, h.book, p.src, p.at)
		if asked%50 == 0 {
			if said := askWho(t, h.dir, p.src, p.at); !slices.Equal(said.hosts, got.hosts) || said.verdict.Uncertain != 0 {
				t.Errorf("%s: who says %+v, there is %+v", p.src, said, got)
			}
		}
		if len(got.hosts) != 1 || got.hosts[0] != want.String() || !got.certain[0] || got.verdict.Covered != "whole" {
			t.Errorf("%s at %s: %+v, want %s for sure", p.src, p.at.UTC().Format(time.RFC3339Nano), got, want)
		}
	}
	if asked != flows || rewritten < flows/2 {
		t.Errorf("%d packets of %d, %d of them from another port", asked, flows, rewritten)
	}
}

// TestWhoKnowsItsGaps does the same with a capture that loses most: no wrong host is
// named for sure, and a missing one falls into a reported gap.
func TestWhoKnowsItsGaps(t *testing.T) {
	h := holders(t, 300, "--capture", "socket", "--buffer-size", "2048")
	unsure, missing := 0, 0
	for _, p := range h.packets {
		want := h.inside[p.key].String()
		got := findWho(t, h.book, p.src, p.at)
		right := false
		for i, host := range got.hosts {
			right = right || host == want
			if host != want && got.certain[i] {
				t.Errorf("%s: %s for sure, but it was %s", p.src, host, want)
			}
			if !got.certain[i] {
				unsure++
			}
		}
		if !right {
			missing++
			if len(got.verdict.Gaps) == 0 {
				t.Errorf("%s at %s: %+v without a gap, want %s", p.src, p.at.UTC().Format(time.RFC3339Nano), got, want)
			}
		}
	}
	if unsure+missing == 0 || !strings.Contains(h.said, " lost") {
		t.Errorf("nothing was lost: %s", h.said)
	}
}
