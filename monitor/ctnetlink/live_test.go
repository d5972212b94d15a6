//go:build linux

package ctnetlink

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// liveTraffic makes one flow of each kind through the gateway.
func liveTraffic(ctx context.Context, l *lab.Lab) error {
	errs := []error{
		labtest.AddRule(l, nftables.TableFamilyIPv4, "filter", "forward", labtest.SetLabel(9)),
		labtest.AddRule(l, nftables.TableFamilyIPv4, "filter", "mangle_prerouting", lab.CtNew(), labtest.SetMark(0x10)),
		labtest.AddRule(
			l,
			nftables.TableFamilyIPv4,
			"filter",
			"raw_prerouting",
			lab.Proto(unix.IPPROTO_UDPLITE),
			labtest.SetZone(7),
		),
		l.PingOnce(ctx, lab.Ping{To: lab.ServerIP, ID: 77, Seq: 1}),
		l.RawOnce(ctx, lab.Raw{To: lab.ServerIP}),
		l.GREOnce(ctx, lab.GRE{Raw: lab.Raw{To: lab.ServerIP}}),
		l.GREOnce(ctx, lab.GRE{Raw: lab.Raw{To: lab.ServerIP}, CallID: 0x102}),
	}
	try := func(_ any, err error) { errs = append(errs, err) }
	try(l.TCPOnce(ctx, lab.TCP{To: lab.ServerHTTPS, Bytes: 100}))
	try(l.TCPOnce(ctx, lab.TCP{From: l.Server, To: lab.PublishedHTTP, Abort: true}))
	try(l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS}))
	try(l.UDPLiteOnce(ctx, lab.UDP{To: lab.ServerDNS}))
	try(l.SCTPOnce(ctx, lab.SCTP{To: lab.ServerHTTP}))
	try(l.FTPOnce(ctx, lab.FTP{Bytes: 100}))
	if l.IPv6 {
		errs = append(errs, l.PingOnce(ctx, lab.Ping{To: lab.ServerIP6, ID: 78, Seq: 1}))
		try(l.TCPOnce(ctx, lab.TCP{To: lab.ServerHTTPS6, Bytes: 100}))
		try(l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS6}))
	}
	return errors.Join(errs...)
}

// dialLive opens a ctnetlink socket in the gateway.
func dialLive(t *testing.T, l *lab.Lab, groups ...uint32) *netlink.Conn {
	t.Helper()
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: l.Gateway.FD()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for _, g := range groups {
		if err := c.JoinGroup(g); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends a request about all flows and returns what answers it.
func ask(t *testing.T, c *netlink.Conn, typ netlink.HeaderType, flags netlink.HeaderFlags) []netlink.Message {
	t.Helper()
	answers, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request | flags},
		Data:   make([]byte, nfgenHeader),
	})
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// TestLive decodes what this machine's kernel says of one flow of each kind, from
// birth to end and in a dump, and holds every message against ti-mo/conntrack.
func TestLive(t *testing.T) {
	l := labtest.New(t)
	events := dialLive(t, l, 1, 2, 3) // NFNLGRP_CONNTRACK_NEW, _UPDATE, _DESTROY
	if err := liveTraffic(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	table := dialLive(t, l)
	var d Decoder
	var b monitor.Batch
	has := map[monitor.Kind]monitor.Attrs{}
	decode := func(m netlink.Message) monitor.Event {
		msg, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		b.Reset()
		if err := d.Decode(msg, &b); err != nil {
			t.Fatalf("%v: %x", err, msg)
		}
		e := b.Events[0]
		if s := leftover(&e); s != "" {
			t.Errorf("set, but not in Has: %s", s)
		}
		agree(t, msg, &e)
		has[e.Kind] |= e.Has
		return e
	}
	// Packets that are still on their way may make new flows: the test is over
	// when those of the dump have ended.
	waiting := map[string]bool{}
	key := func(e *monitor.Event) string { return fmt.Sprint(renderTuple(&e.Flow.Orig), " id ", e.Flow.ID) }
	for _, m := range ask(t, table, 0x0101, netlink.Dump) {
		e := decode(m)
		waiting[key(&e)] = true
	}
	ask(t, table, typeDelete, netlink.Acknowledge) // all flows
	protos := map[monitor.Proto]bool{}
	for len(waiting) > 0 {
		messages, err := events.Receive()
		if err != nil {
			t.Fatalf("waiting for the end of %v: %v", waiting, err)
		}
		for _, m := range messages {
			e := decode(m)
			protos[e.Flow.Orig.Proto] = true
			if e.Kind == monitor.KindDestroy {
				delete(waiting, key(&e))
			}
		}
	}
	if d.Unknown+d.Malformed > 0 {
		t.Errorf("the kernel says what the decoder does not know: %d attributes, %d messages", d.Unknown, d.Malformed)
	}
	checkLive(t, l, protos, has)
}

// checkLive makes sure that the traffic showed what it was made for.
func checkLive(t *testing.T, l *lab.Lab, protos map[monitor.Proto]bool, has map[monitor.Kind]monitor.Attrs) {
	t.Helper()
	want := []monitor.Proto{
		monitor.TCP,
		monitor.UDP,
		monitor.UDPLite,
		monitor.SCTP,
		monitor.ICMP,
		monitor.GRE,
		lab.ProtoExperiment,
	}
	if l.IPv6 {
		want = append(want, monitor.ICMPv6)
	}
	for _, p := range want {
		if !protos[p] {
			t.Errorf("no event of %s", p)
		}
	}
	always := monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID
	counted := monitor.AttrCountersOrig | monitor.AttrCountersReply | monitor.AttrStart
	for kind, want := range map[monitor.Kind]monitor.Attrs{
		monitor.KindNew: always | monitor.AttrTimeout | monitor.AttrState | monitor.AttrVTagReply | monitor.AttrMark |
			monitor.AttrLabels | monitor.AttrHelper | monitor.AttrMaster | monitor.AttrZone,
		monitor.KindUpdate:   always | monitor.AttrTimeout | monitor.AttrState | monitor.AttrTCPFlagsReply | monitor.AttrWScaleOrig,
		monitor.KindDestroy:  always | counted | monitor.AttrStop | monitor.AttrState | monitor.AttrMark,
		monitor.KindExisting: always | counted | monitor.AttrTimeout | monitor.AttrUse | monitor.AttrHelper | monitor.AttrSeqAdjOrig | monitor.AttrLabels,
	} {
		if !has[kind].All(want) {
			t.Errorf("%s: attributes %#x never came", kind, want&^has[kind])
		}
	}
}
