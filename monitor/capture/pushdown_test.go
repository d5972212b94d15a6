//go:build linux

package capture

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/filter"
)

// readerTakes returns what the reader finds: whether a message is an event, and whether
// the filter wants it.
func readerTakes(f monitor.Filter, msg []byte) (event, wanted bool) {
	var d ctnetlink.Decoder
	var b monitor.Batch
	if len(msg) < 20 || int(binary.NativeEndian.Uint32(msg)) != len(msg) || d.Decode(msg, &b) != nil {
		return false, false
	}
	return true, f(&b.Events[0])
}

// Over random filters and messages the kernel decides as the reader does: the same for
// messages in the kernel's form, whatever their values; and of other messages it never
// leaves out what the reader wants.
func TestPushdownIsTheFilter(t *testing.T) {
	messages := append(captured(t), made(rand.New(rand.NewPCG(1, 2)), 100)...)
	eachWay(t, func(t *testing.T, w way) {
		rnd := rand.New(rand.NewPCG(1, 2))
		filters := 150
		if testing.Short() {
			filters = 20
		}
		var taken, left, mutants int
		for range filters {
			e := randomExpr(rnd, messages, 3)
			f := filter.Compile(e, filter.Env{})
			r := w.filter(t, e)
			for _, msg := range messages {
				event, wanted := readerTakes(f, msg)
				if !event {
					t.Fatalf("no event: %x", msg)
				}
				got := r.takes(t, msg)
				if got != wanted {
					t.Fatalf("filter %v: the kernel takes: %v, the reader wants: %v, message %x", e, got, wanted, msg)
				}
				if got {
					taken++
				} else {
					left++
				}
				m := mutate(rnd, msg)
				if _, wanted := readerTakes(f, m); wanted && !repeats(m) && !r.takes(t, m) {
					t.Fatalf("filter %v: the kernel leaves out what the reader wants: %x\nmade of %x", e, m, msg)
				}
				mutants++
			}
			r.close()
		}
		t.Logf("%d filters over %d messages and %d mutants: %d taken, %d left out", filters, len(messages), mutants, taken,
			left)
		if taken < 1000 || left < 1000 {
			t.Error("the filters want too much or too little to show anything")
		}
	})
}

// repeats reports whether the decoder reads a tuple or zone that is not where the kernel
// writes it. Only forged messages have one, and the program does not search for it.
func repeats(msg []byte) bool {
	i := 0
	for rest := msg[20:]; len(rest) >= 4; i++ {
		n := int(binary.NativeEndian.Uint16(rest))
		if n < 4 || n > len(rest) {
			return false
		}
		switch typ := binary.NativeEndian.Uint16(rest[2:]) & 0x3fff; {
		case typ <= 2 && i > 1, typ == attrZone && (i > 2 || binary.NativeEndian.Uint16(rest[2:]) != attrZone):
			return true
		}
		rest = rest[min((n+3)&^3, len(rest)):]
	}
	return false
}

// Any single byte of any message, changed to anything, and any bit of its header,
// never makes the kernel leave out what the reader would want.
func TestPushdownOfBrokenMessages(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		rnd := rand.New(rand.NewPCG(3, 4))
		messages := made(rnd, 12)
		for _, text := range []string{"udp dport 443", "snat", "zone 2", "src 10.1.0.0/16 and not port 1",
			"not event new", "not event update", "not event destroy"} {
			e, err := filter.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			f := filter.Compile(e, filter.Env{})
			r := w.filter(t, ExplainPush(e, true).Kernel)
			check := func(msg []byte, at int, with byte) {
				m := slices.Clone(msg)
				m[at] ^= with
				if _, wanted := readerTakes(f, m); wanted && !repeats(m) && !r.takes(t, m) {
					t.Fatalf("%s: byte %d of %x", text, at, m)
				}
			}
			for _, msg := range messages {
				for bit := range 8 * 20 {
					check(msg, bit/8, 1<<(bit%8))
				}
				for at := range msg {
					check(msg, at, byte(1+rnd.IntN(255)))
				}
			}
			r.close()
		}
	})
}

// Not even a filter that wants nothing leaves out what is no event, or lacks a tuple:
// the reader counts it.
func TestPushdownOfNoEvents(t *testing.T) {
	const typ, flags, seq = 4, 6, 8
	eachWay(t, func(t *testing.T, w way) {
		r := w.filter(t, filter.Const(false))
		defer r.close()
		for _, msg := range made(rand.New(rand.NewPCG(7, 8)), 12) {
			if r.takes(t, msg) {
				t.Fatalf("taken: %x", msg)
			}
			tuples := 20 + int(binary.NativeEndian.Uint16(msg[20:])) // behind the first
			tuples += int(binary.NativeEndian.Uint16(msg[tuples:]))
			for n := 1; n < tuples; n++ {
				if !r.takes(t, msg[:n]) {
					t.Fatalf("left out: %d bytes of %x", n, msg)
				}
			}
			for _, no := range [][]byte{
				with16(msg, typ, 1), with16(msg, typ, 1<<8), with16(msg, flags, unix.NLM_F_REQUEST),
			} {
				if !r.takes(t, no) {
					t.Fatalf("left out: %x", no)
				}
			}
			if binary.NativeEndian.Uint16(msg[typ:]) == ctnetlinkDelete {
				continue
			}
			for _, answer := range [][]byte{
				with16(msg, flags, unix.NLM_F_MULTI), with16(msg, flags, unix.NLM_F_DUMP_FILTERED), with32(msg, seq, 1),
				with32(msg, seq, 1<<31),
			} {
				if !r.takes(t, answer) {
					t.Fatalf("left out: %x", answer)
				}
			}
		}
	})
}

// with16 and with32 return a message with bits of a number in its header changed.
func with16(msg []byte, at int, bits uint16) []byte {
	m := slices.Clone(msg)
	binary.NativeEndian.PutUint16(m[at:], binary.NativeEndian.Uint16(m[at:])^bits)
	return m
}

func with32(msg []byte, at int, bits uint32) []byte {
	m := slices.Clone(msg)
	binary.NativeEndian.PutUint32(m[at:], binary.NativeEndian.Uint32(m[at:])^bits)
	return m
}

// What runs where.
func TestExplainPush(t *testing.T) {
	for _, c := range []struct {
		text           string
		kinds          bool
		kernel, reader string
	}{
		{"tcp dport 443 and established", false, "tcp dport 443", "established"},
		{"tcp dport 443", false, "tcp dport 443", "all"},
		{"mark 1", false, "all", "mark 1"},
		{"event new and tcp", false, "tcp", "event new"},
		{"event new and tcp", true, "event new and tcp", "all"},
	} {
		parse := func(text string) filter.Expr {
			if text == "all" {
				return filter.Const(true)
			}
			e, err := filter.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		p := ExplainPush(parse(c.text), c.kinds)
		if p.Why != "" || p.Kernel.String() != parse(c.kernel).String() || p.Reader.String() != parse(c.reader).String() {
			t.Errorf("%s: kernel %v, reader %v, %q; want %s, %s", c.text, p.Kernel, p.Reader, p.Why, c.kernel, c.reader)
		}
	}
	var long filter.Or
	for i := range 5000 {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
		long = append(long, filter.Prefix{Field: filter.FieldOrigSrc, Net: netip.PrefixFrom(a, 32)})
	}
	if p := ExplainPush(long, false); p.Why != errPushLong.Error() || p.Kernel != filter.Const(true) ||
		p.Reader.String() != long.String() {
		t.Errorf("a long filter: kernel %v, %q", p.Kernel, p.Why)
	}
}

// The longest filter that is pushed is one that the kernel takes, and the filter.
func TestPushdownAtItsLongest(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	messages := made(rnd, 50)
	longest := filter.Expr(filter.Const(true))
	size := 0
	for range 200 {
		e := randomExpr(rnd, messages, 9)
		if ins, err := pushProgram(e); err == nil && len(ins) > size {
			longest, size = e, len(ins)
		}
	}
	if size < maxPush*3/4 {
		t.Errorf("longest filter: %d instructions", size)
	}
	eachWay(t, func(t *testing.T, w way) {
		r := w.filter(t, longest)
		defer r.close()
		f := filter.Compile(longest, filter.Env{})
		for _, msg := range messages {
			if _, wanted := readerTakes(f, msg); r.takes(t, msg) != wanted {
				t.Errorf("the kernel takes: %v, the reader wants: %v, message %x", !wanted, wanted, msg)
			}
		}
	})
}
