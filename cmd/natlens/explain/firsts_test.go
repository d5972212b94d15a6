//go:build linux

package explain

import (
	"net/netip"
	"testing"

	"natlens/monitor"
	"natlens/monitor/trace"
)

// TestWithoutFlowIDs draws each flow once, although no packet has a flow id, as before Linux 6.16.
func TestWithoutFlowIDs(t *testing.T) {
	packet := func(proto monitor.Proto, port uint16, flags uint8) *trace.Packet {
		p := &trace.Packet{In: "lan"}
		p.First = trace.Headers{Proto: proto, Flags: flags,
			Src: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port), Dst: netip.MustParseAddrPort("192.0.2.2:80")}
		return p
	}
	const syn, ack = 0x02, 0x10
	var l firsts
	for i, step := range []struct {
		packet *trace.Packet
		drawn  bool
	}{
		{packet(monitor.TCP, 1000, ack), false}, // its flow is older
		{packet(monitor.TCP, 1001, syn), true},
		{packet(monitor.TCP, 1001, ack), false},
		{packet(monitor.TCP, 1001, syn), false}, // sent again
		{packet(monitor.UDP, 1001, 0), true},
		{packet(monitor.UDP, 1001, 0), false},
		{packet(monitor.UDP, 1002, 0), true},
	} {
		if w := l.walk(step.packet, func() monitor.Walk { return monitor.Walk{} }); (w != nil) != step.drawn {
			t.Errorf("packet %d: drawn %t, want %t", i, w != nil, step.drawn)
		}
	}
	if l.may != 2 {
		t.Errorf("%d flows may have begun earlier, want the two of UDP", l.may)
	}
	sent := packet(monitor.UDP, 1003, 0) // over loopback: its second half cannot be recognised
	if l.walk(sent, func() monitor.Walk { return monitor.Walk{Path: monitor.PathLoop} }) == nil {
		t.Error("a packet over loopback is not drawn")
	}
}
