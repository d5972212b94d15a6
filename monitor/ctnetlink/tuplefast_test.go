package ctnetlink

import (
	"errors"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"

	"natlens/monitor"
)

// tuples calls f with the value of every tuple in front of a golden message.
func tuples(tb testing.TB, f func(g *kernelMessage, v []byte)) {
	tb.Helper()
	for _, g := range goldenAll(tb) {
		attrs, err := netlink.UnmarshalAttributes(g.msg[headers:])
		if err != nil {
			tb.Fatalf("%s: %v", g.name(), err)
		}
		for _, a := range attrs {
			if typ := a.Type & attrTypeMask; typ == ctaTupleOrig || typ == ctaTupleReply || typ == ctaTupleMaster {
				f(&g, a.Data)
			}
		}
	}
}

// TestPlainTuple: the kernel's tuples with ports (or GRE keys) and without a zone
// of their own take the short way, and only those.
func TestPlainTuple(t *testing.T) {
	tuples(t, func(g *kernelMessage, v []byte) {
		var plain, slow monitor.Tuple
		zone, err := slowTuple(v, &slow)
		if err != nil {
			t.Fatal(err)
		}
		short := plainTuple(v, &plain)
		if want := (slow.Proto.HasPorts() || slow.Proto == monitor.GRE) && !zone; short != want {
			// The kernel has no ports of DCCP and protocol 253.
			if slow.Proto != monitor.DCCP {
				t.Errorf("%s: %s: the short way: %v, want %v", g.name(), renderTuple(&slow), short, want)
			}
		}
		if short && plain != slow {
			t.Errorf("%s: the short way says %s, the long way %s", g.name(), renderTuple(&plain), renderTuple(&slow))
		}
	})
}

// TestPlainTupleHeaders: one wrong bit in any of the seven headers and the tuple
// is not plain.
func TestPlainTupleHeaders(t *testing.T) {
	for size, heads := range map[int][]int{
		plainSize4: {0, 4, 12, 20, 24, 32, 40},
		plainSize6: {0, 4, 24, 44, 48, 56, 64},
	} {
		var seen int
		tuples(t, func(_ *kernelMessage, v []byte) {
			if len(v) != size || !plainTuple(v, new(monitor.Tuple)) {
				return
			}
			seen++
			for _, at := range heads {
				for bit := range 32 {
					wrong := slices.Clone(v)
					wrong[at+bit/8] ^= 1 << (bit % 8)
					var tuple monitor.Tuple
					if plainTuple(wrong, &tuple) || tuple != (monitor.Tuple{}) {
						t.Fatalf("bit %d of the header at %d is wrong, and the tuple is plain", bit, at)
					}
				}
			}
		})
		if seen == 0 {
			t.Errorf("no plain tuple of %d bytes", size)
		}
	}
}

// FuzzPlainTuple: the short way says what the long way says, or nothing at all.
func FuzzPlainTuple(f *testing.F) {
	tuples(f, func(_ *kernelMessage, v []byte) { f.Add(v) })
	f.Fuzz(func(t *testing.T, v []byte) {
		var plain, slow monitor.Tuple
		if !plainTuple(v, &plain) {
			if plain != (monitor.Tuple{}) {
				t.Fatalf("not plain, but left %+v behind", plain)
			}
			return
		}
		zone, err := slowTuple(v, &slow)
		if err != nil || zone || plain != slow {
			t.Fatalf("%+v, the long way says %+v %v %v", plain, slow, zone, err)
		}
	})
}

// slowTuple reads a tuple the long way; an unknown attribute is an error too.
func slowTuple(v []byte, t *monitor.Tuple) (zone bool, err error) {
	r := Decoder{}
	zone = r.anyTuple(v, t)
	if r.Unknown > 0 {
		return zone, errors.Join(r.err, errors.New("an unknown attribute"))
	}
	return zone, r.err
}
