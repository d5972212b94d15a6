package ctnetlink

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

// TestTupleProtocols is about the child attributes of CTA_TUPLE_PROTO, in an
// order that no kernel sends them in.
func TestTupleProtocols(t *testing.T) {
	for name, tt := range map[string]struct {
		proto [][]byte
		want  string
	}{
		"icmp": {[][]byte{attr(ctaProtoICMPCode, 3), attr(ctaProtoICMPType, 8), num16(ctaProtoICMPID, 77), attr(ctaProtoNum, 1)},
			"ipv4 icmp src 10.0.0.1 dst 10.0.0.2 id 77 type 8 code 3"},
		"icmpv6": {[][]byte{attr(ctaProtoICMPv6Type, 128), attr(ctaProtoICMPv6Code, 1), num16(ctaProtoICMPv6ID, 78), attr(ctaProtoNum, 58)},
			"ipv4 icmpv6 src 10.0.0.1 dst 10.0.0.2 id 78 type 128 code 1"},
		"gre": {[][]byte{num16(ctaProtoDstPort, 0x102), num16(ctaProtoSrcPort, 3), attr(ctaProtoNum, 47)},
			"ipv4 gre src 10.0.0.1 dst 10.0.0.2 key 0x3 key 0x102"},
		"protocol 0": {[][]byte{attr(ctaProtoNum, 0)}, "ipv4 0 src 10.0.0.1 dst 10.0.0.2"},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := decodeOne(
				t,
				message(typeDelete, 0, nest(ctaTupleOrig, nest(ctaTupleProto, tt.proto...), addrs4(src, dst))),
			)
			if diff := cmp.Diff("destroy by 0\norig "+tt.want+"\n", render(e)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestKind(t *testing.T) {
	for _, tt := range []struct {
		name       string
		typ, flags uint16
		seq        byte
		want       monitor.Kind
	}{
		{"created", typeNew, flagCreate | flagExcl, 0, monitor.KindNew},
		{"created, one flag", typeNew, flagCreate, 0, monitor.KindNew},
		{"changed", typeNew, 0, 0, monitor.KindUpdate},
		{"destroyed", typeDelete, 0, 0, monitor.KindDestroy},
		{"answer to a dump", typeNew, flagMulti, 1, monitor.KindExisting},
		{"answer to a dump with a filter", typeNew, flagMulti | flagDumpFiltered, 1, monitor.KindExisting},
		{"answer to a dump without a number", typeNew, flagMulti, 0, monitor.KindExisting},
		{"answer to a socket without a port id", typeNew, 0, 1, monitor.KindExisting},
	} {
		t.Run(tt.name, func(t *testing.T) {
			msg := message(tt.typ, tt.flags, orig)
			msg[8], msg[12] = tt.seq, 1
			if hostIsBigEndian {
				msg[12], msg[15] = 0, 1
			}
			e, _ := decodeOne(t, msg)
			by := uint32(1)
			if tt.want == monitor.KindExisting {
				by = 0 // the port is that of who asked
			}
			if e.Kind != tt.want || e.PortID != by {
				t.Errorf("%s by %d, want %s by %d", e.Kind, e.PortID, tt.want, by)
			}
		})
	}
}

// TestTail expects bytes after the message's own length to be ignored.
func TestTail(t *testing.T) {
	msg := message(typeNew, 0, orig)
	e, _ := decodeOne(t, append(slices.Clone(msg), num32(ctaMark, 1)...))
	if !slices.Equal(e.Raw, msg) || cap(e.Raw) != len(msg) || e.Has != monitor.AttrOrig {
		t.Errorf("%d bytes with room for %d, has %#x", len(e.Raw), cap(e.Raw), e.Has)
	}
}
