package ctnetlink

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

func someExpect() monitor.Expect {
	return monitor.Expect{
		Tuple:  tupleOf(monitor.TCP, "198.51.100.2", "192.0.2.1", 0, 30000),
		Mask:   tupleOf(monitor.TCP, "255.255.255.255", "255.255.255.255", 0, 65535),
		Master: tupleOf(monitor.TCP, "192.0.2.1", "198.51.100.2", 4000, 21),
		Has:    monitor.ExpectTimeout | monitor.ExpectClass, Timeout: 300, Class: 1, Flags: monitor.ExpectPermanent,
	}
}

// expectMessage is what a kernel that was asked for x might send of it.
func expectMessage(typ, flags uint16, x monitor.Expect, more ...[]byte) []byte {
	r := Request{Last: ^uint32(0)} // the number 0, as events have
	r.Begin(OpExpectNew, 0, x.Tuple.Family)
	r.Expect(&x)
	msg := r.Bytes()
	for _, m := range more {
		msg = append(msg, m...)
	}
	binary.NativeEndian.PutUint32(msg, uint32(len(msg)))
	binary.NativeEndian.PutUint16(msg[4:], typ)
	binary.NativeEndian.PutUint16(msg[6:], flags)
	return msg
}

func TestDecodeExpect(t *testing.T) {
	nat := tupleOf(monitor.TCP, "192.0.2.7", "0.0.0.0", 99, 0)
	var r Request
	r.tuple(ctaExpectNATTuple, &nat, false)
	more := [][]byte{attr(ctaExpectHelpName, []byte("ftp\x00")...), num32(ctaExpectID, 77), num16(ctaExpectZone, 5),
		nest(
			ctaExpectNAT,
			num32(ctaExpectNATDir, 1),
			r.buf,
			num32(9, 9),
		), attr(ctaExpectFunc, []byte("nat-follow-master\x00")...), num32(30, 1)}
	want := someExpect()
	want.Has |= monitor.ExpectHelper | monitor.ExpectID | monitor.ExpectZone | monitor.ExpectNAT | monitor.ExpectFunc
	want.Helper, want.ID, want.Zone, want.NATDir, want.NAT, want.Func = "ftp", 77, 5, 1, nat, "nat-follow-master"
	for _, c := range []struct {
		name       string
		typ, flags uint16
		kind       monitor.Kind
	}{
		{"new", typeExpectNew, flagCreate | flagExcl, monitor.KindNew},
		{"update", typeExpectNew, 0, monitor.KindUpdate},
		{"destroy", typeExpectDelete, 0, monitor.KindDestroy},
		{"existing", typeExpectNew, flagMulti, monitor.KindExisting},
	} {
		var d Decoder
		got, err := d.DecodeExpect(expectMessage(c.typ, c.flags, someExpect(), more...))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		want.Kind = c.kind
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
		if d.Unknown != 2 || d.Malformed != 0 {
			t.Errorf("%s: %d unknown, %d malformed", c.name, d.Unknown, d.Malformed)
		}
	}
}

func TestDecodeExpectErrors(t *testing.T) {
	whole := expectMessage(typeExpectNew, flagMulti, someExpect())
	long := append([]byte{}, whole...)
	binary.NativeEndian.PutUint32(long, 4000)
	for _, c := range []struct {
		name string
		msg  []byte
		want error
	}{
		{"nothing", nil, ErrTruncated},
		{"a flow", message(typeNew, flagMulti), ErrNotConntrack},
		{"a request", expectMessage(typeExpectNew, flagRequest, someExpect()), ErrNotConntrack},
		{"longer than it is", long, ErrTruncated},
		{"no tuple", message(typeExpectNew, flagMulti, num32(ctaExpectTimeout, 1)), ErrMalformed},
		{"a timeout of two bytes", expectMessage(typeExpectNew, flagMulti, someExpect(), num16(ctaExpectTimeout, 1)), ErrMalformed},
	} {
		var d Decoder
		if _, err := d.DecodeExpect(c.msg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzDecodeExpect(f *testing.F) {
	f.Add(expectMessage(typeExpectNew, flagMulti, someExpect()))
	f.Add(expectMessage(typeExpectDelete, 0, someExpect(), num32(ctaExpectID, 1)))
	f.Add([]byte{20, 0, 0, 0, 0, 2})
	f.Fuzz(func(t *testing.T, msg []byte) {
		var d Decoder
		x, err := d.DecodeExpect(msg)
		if err == nil && (x.Tuple.Family == 0 || x.Master.Family == 0 || x.Kind == monitor.KindNone) {
			t.Errorf("%+v", x)
		}
	})
}
