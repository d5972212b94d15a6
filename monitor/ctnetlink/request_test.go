package ctnetlink

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

// decodeRequest decodes a request as if the kernel had sent it.
func decodeRequest(t *testing.T, msg []byte) monitor.Event {
	t.Helper()
	flags := binary.NativeEndian.Uint16(msg[6:])
	if flags&flagRequest == 0 {
		t.Fatal("no NLM_F_REQUEST")
	}
	binary.NativeEndian.PutUint16(msg[6:], flags&^flagRequest)
	binary.NativeEndian.PutUint16(msg[4:], typeNew)
	var b monitor.Batch
	var d Decoder
	if err := d.Decode(msg, &b); err != nil {
		t.Fatal(err)
	}
	if d.Unknown != 0 {
		t.Errorf("%d unknown attributes", d.Unknown)
	}
	return b.Events[0]
}

func tupleOf(proto monitor.Proto, src, dst string, sport, dport uint16) monitor.Tuple {
	t := monitor.Tuple{Proto: proto, Family: monitor.IPv4, SrcPort: sport, DstPort: dport}
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	if !s.Is4() {
		t.Family = monitor.IPv6
	}
	t.Src, t.Dst = monitor.AddrFrom(s), monitor.AddrFrom(d)
	return t
}

// TestRequestTuples: what is asked for is what the decoder reads, for every
// layout of a tuple and every place of a zone.
func TestRequestTuples(t *testing.T) {
	for _, proto := range append(append([]monitor.Proto{}, monitor.Protos...), 253) {
		a, b := "192.0.2.1", "198.51.100.2"
		if proto == monitor.ICMPv6 {
			a, b = "2001:db8::1", "2001:db8::2"
		}
		var sport, dport uint16 = 4444, 0x0800
		if !proto.HasPorts() && !proto.IsICMP() && proto != monitor.GRE {
			sport, dport = 0, 0
		}
		for _, zones := range [][2]uint16{{0, 0}, {5, 5}, {5, 0}, {0, 5}} {
			f := monitor.Flow{Orig: tupleOf(proto, a, b, sport, dport), Reply: tupleOf(proto, b, a, dport, sport)}
			f.Orig.Zone, f.Reply.Zone = zones[0], zones[1]
			want := monitor.Event{Kind: monitor.KindNew, Has: monitor.AttrOrig | monitor.AttrReply, Flow: f}
			switch {
			case zones[0] != 0 && zones[1] != 0:
				want.Has |= monitor.AttrZone
				want.Flow.Zone = zones[0]
			case zones[0] != 0:
				want.Has |= monitor.AttrZoneOrig
			case zones[1] != 0:
				want.Has |= monitor.AttrZoneReply
			}
			r := Request{Last: ^uint32(0)} // the number 0, as events have
			r.Begin(OpNew, FlagCreate|FlagExcl|FlagAck, f.Orig.Family)
			r.Tuples(&f)
			got := decodeRequest(t, r.Bytes())
			got.Raw = nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v, zones %v: -want +got\n%s", proto, zones, diff)
			}
		}
	}
}

func TestRequestAttributes(t *testing.T) {
	labels := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	orig := tupleOf(monitor.TCP, "192.0.2.1", "198.51.100.2", 1, 2)
	r := Request{Last: 6} // as answers have
	r.Begin(OpNew, 0, monitor.IPv4)
	orig.Zone = 9
	r.Entry(&monitor.Flow{Orig: orig, Reply: monitor.Tuple{Zone: 9}})
	r.ID(0x01020304)
	timeout, status, mark := uint32(100), monitor.Assured|monitor.SeenReply, uint32(0xaabbccdd)
	info := monitor.TCPInfo{FlagsOrig: 1, MaskOrig: 2, FlagsReply: 3, MaskReply: 4}
	r.Change(&Change{Timeout: &timeout, Status: &status, Mark: &mark, Labels: labels, Mask: labels, Helper: "ftp",
		Proto: &ProtoInfo{Proto: monitor.TCP, State: monitor.TCPEstablished, TCP: info}})
	got := decodeRequest(t, r.Bytes())
	want := monitor.Event{
		Kind: monitor.KindExisting, // it has a sequence number
		Has: monitor.AttrOrig | monitor.AttrZone | monitor.AttrID | monitor.AttrTimeout | monitor.AttrStatus |
			monitor.AttrMark | monitor.AttrLabels | monitor.AttrLabelsMask | monitor.AttrHelper |
			monitor.AttrState | monitor.AttrTCPFlagsOrig | monitor.AttrTCPFlagsReply,
		Flow: monitor.Flow{
			Orig:    orig,
			Zone:    9,
			ID:      0x01020304,
			Timeout: 100,
			Status:  monitor.Assured | monitor.SeenReply | monitor.Confirmed,
			Mark:    0xaabbccdd,
			State:   monitor.TCPEstablished,
			TCP:     info,
		},
		Extra: &monitor.Extra{
			Labels:     labels,
			LabelsMask: labels,
			Helper:     []byte("ftp"),
		},
	}
	want.Flow.Reply.Zone = 9
	got.Raw = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRequestSCTP(t *testing.T) {
	orig := tupleOf(monitor.SCTP, "192.0.2.1", "198.51.100.2", 1, 2)
	r := Request{Last: ^uint32(0)} // the number 0, as events have
	r.Begin(OpNew, 0, monitor.IPv4)
	r.Entry(&monitor.Flow{Orig: orig})
	r.Change(&Change{Proto: &ProtoInfo{Proto: monitor.SCTP, State: 4, VTags: [2]uint32{0x11223344, 0x55667788}}})
	got := decodeRequest(t, r.Bytes())
	if got.Flow.State != 4 || got.Extra.VTagOrig != 0x11223344 || got.Extra.VTagReply != 0x55667788 {
		t.Errorf("got state %d and tags %#x, %#x", got.Flow.State, got.Extra.VTagOrig, got.Extra.VTagReply)
	}
}

func TestRequestDCCP(t *testing.T) {
	orig := tupleOf(monitor.DCCP, "192.0.2.1", "198.51.100.2", 1, 2)
	r := Request{Last: ^uint32(0)} // the number 0, as events have
	r.Begin(OpNew, 0, monitor.IPv4)
	r.Entry(&monitor.Flow{Orig: orig})
	r.Change(&Change{Proto: &ProtoInfo{Proto: monitor.DCCP, State: 4, Role: 1}})
	got := decodeRequest(t, r.Bytes())
	if got.Has&monitor.AttrDCCPRole == 0 || got.Flow.State != 4 || got.Extra.DCCPRole != 1 {
		t.Errorf("got state %d and role %d", got.Flow.State, got.Extra.DCCPRole)
	}
}

// TestRequestBytes holds one message, and two of them in a row, to their bytes.
func TestRequestBytes(t *testing.T) {
	if hostIsBigEndian {
		t.Skip("the expected bytes are those of a little endian machine")
	}
	r := Request{Last: 0x10}
	r.Begin(OpGet, FlagDump, monitor.IPv4)
	r.Filter(&Filter{Flow: monitor.Flow{Mark: 1}, HasMark: true, MarkMask: 0xff})
	r.Begin(OpDelete, FlagAck, 0)
	const want = "24000000" + "0101" + "0103" + "11000000" + "00000000" + "02000000" +
		"0800" + "0800" + "00000001" +
		"0800" + "1500" + "000000ff" +
		"14000000" + "0201" + "0500" + "12000000" + "00000000" + "00000000"
	if got := hex.EncodeToString(r.Bytes()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRequestAllocates(t *testing.T) {
	f := monitor.Flow{Orig: tupleOf(monitor.UDP, "192.0.2.1", "198.51.100.2", 1, 2)}
	var r Request
	n := testing.AllocsPerRun(100, func() {
		r.Reset()
		for range 100 {
			r.Begin(OpDelete, 0, monitor.IPv4)
			r.Entry(&f)
			r.ID(1)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
