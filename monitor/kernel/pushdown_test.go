//go:build linux

package kernel

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/filter"
	"natlens/monitor/lab"
)

// pushRunner runs the ring's program with a filter over single messages.
type pushRunner struct {
	prog     *ringProgram
	ring     *ebpf.Map
	mem      *ringMemory
	counters ringCounters
}

func newPushRunner(t *testing.T, e filter.Expr) *pushRunner {
	t.Helper()
	const size = 1 << 16
	ring, err := newRingMap(size)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := newRingProgram(ring, e, 0)
	if err != nil {
		t.Fatalf("%v: %v", e, err)
	}
	mem, err := mapRing(ring.FD(), size)
	if err != nil {
		t.Fatal(err)
	}
	counters, err := mapCounters(prog)
	if err != nil {
		t.Fatal(err)
	}
	return &pushRunner{prog, ring, mem, counters}
}

func (r *pushRunner) close() {
	r.counters.unmap()
	r.mem.unmap()
	r.prog.close()
	r.ring.Close()
}

// takes reports whether the program put the message into the ring.
func (r *pushRunner) takes(t *testing.T, msg []byte) bool {
	t.Helper()
	pos, left := r.mem.produced(), r.counters.leftOut()
	// The kernel takes the first 14 bytes for an Ethernet header, and them away.
	if ret, _, err := r.prog.prog.Test(append(make([]byte, 14), msg...)); err != nil || ret != 0 {
		t.Fatalf("run program: returned %d, %v", ret, err)
	}
	took := r.mem.produced() != pos
	r.mem.consumed(r.mem.produced())
	if took == (r.counters.leftOut() != left) {
		t.Fatalf("message was taken: %v, and left out: %v", took, !took)
	}
	return took
}

// readerTakes is what the reader would say of a message: whether it is an event,
// and whether the filter wants it.
func readerTakes(f monitor.Filter, msg []byte) (event, wanted bool) {
	var d ctnetlink.Decoder
	var b monitor.Batch
	if len(msg) < 20 || int(binary.NativeEndian.Uint32(msg)) != len(msg) || d.Decode(msg, &b) != nil {
		return false, false
	}
	return true, f(&b.Events[0])
}

// Over random filters and messages, the kernel's verdict is the reader's: the
// same for messages as the kernel writes them, whatever values they bear, and
// for messages of any other make at least never to leave out what the reader
// would want.
func TestPushdownIsTheFilter(t *testing.T) {
	needRing(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	messages := append(captured(t), made(rnd, 100)...)
	filters := 150
	if testing.Short() {
		filters = 20
	}
	var taken, left, mutants int
	for range filters {
		e := randomExpr(rnd, messages, 3)
		f := filter.Compile(e, filter.Env{})
		r := newPushRunner(t, e)
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
			if _, wanted := readerTakes(f, m); wanted && !r.takes(t, m) {
				t.Fatalf("filter %v: the kernel leaves out what the reader wants: %x\nmade of %x", e, m, msg)
			}
			mutants++
		}
		r.close()
	}
	t.Logf("%d filters over %d messages and %d mutants: %d taken, %d left out", filters, len(messages), mutants, taken, left)
	if taken < 1000 || left < 1000 {
		t.Error("the filters want too much or too little to tell anything")
	}
}

// captured returns messages that this kernel sent, of each kind of tuple.
func captured(t *testing.T) [][]byte {
	t.Helper()
	l := lab.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	c := ways[0].start(t, Config{NetNS: l.Gateway.FD()})
	for i, act := range []func() error{
		func() error { _, err := l.TCPOnce(ctx, lab.TCP{To: lab.ServerHTTPS, Bytes: 500}); return err },
		func() error { _, err := l.TCPOnce(ctx, lab.TCP{To: lab.ServerHTTPS6, Bytes: 500}); return err },
		func() error {
			_, err := l.TCPOnce(ctx, lab.TCP{From: l.Server, To: lab.PublishedHTTP, Bytes: 500})
			return err
		},
		func() error { _, err := l.FTPOnce(ctx, lab.FTP{Bytes: 100, Passive: true}); return err },
		func() error { _, err := l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS}); return err },
		func() error { _, err := l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS6}); return err },
		func() error { return l.PingOnce(ctx, lab.Ping{To: lab.ServerIP, ID: 7}) },
		func() error { return l.PingOnce(ctx, lab.Ping{To: lab.ServerIP6, ID: 8}) },
		func() error { return l.RawOnce(ctx, lab.Raw{To: lab.ServerIP}) },
		func() error { return l.GREOnce(ctx, lab.GRE{Raw: lab.Raw{To: lab.ServerIP}}) },
	} {
		if err := act(); err != nil {
			t.Fatalf("traffic %d: %v", i, err)
		}
	}
	mark(t, l, 40010)
	events, err := collect(ctx, c, newOf(40010))
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, e := range events {
		all = append(all, []byte(e.raw))
	}
	return all
}

// made returns messages of random flows in the kernel's layout: both families,
// the three shapes of a protocol, zones of a tuple, of the flow, and of neither.
func made(rnd *rand.Rand, n int) [][]byte {
	var all [][]byte
	for range n {
		v6, shape := rnd.IntN(2) == 0, rnd.IntN(4)
		body := []byte{2, 0, 0, 0}
		zones := rnd.IntN(4)
		body = append(body, madeTuple(rnd, 1, v6, shape, zones == 1)...)
		body = append(body, madeTuple(rnd, 2, v6, shape, zones == 2)...)
		if zones > 0 && rnd.IntN(4) > 0 {
			body = append(body, attribute(18, 0, byte(rnd.IntN(4)))...)
		}
		body = append(body, attribute(12, 1, 2, 3, 4)...)
		body = append(body, attribute(3, 0, 0, 1, 0x8a)...)
		msg := make([]byte, 16, 16+len(body))
		binary.NativeEndian.PutUint32(msg, uint32(16+len(body)))
		kind := [][2]uint16{{1 << 8, 0x600}, {1 << 8, 0}, {1<<8 | 2, 0}}[rnd.IntN(3)]
		binary.NativeEndian.PutUint16(msg[4:], kind[0])
		binary.NativeEndian.PutUint16(msg[6:], kind[1])
		all = append(all, append(msg, body...))
	}
	return all
}

func madeTuple(rnd *rand.Rand, typ uint16, v6 bool, shape int, zone bool) []byte {
	small := func() byte { return byte(rnd.IntN(3)) }
	addr := func() []byte {
		if v6 {
			return []byte{0x20, 1, 0xd, 0xb8, 0, 0, small(), 0, 0, 0, 0, 0, 0, 0, 0, small()}
		}
		return []byte{10, small(), 0, small()}
	}
	src := uint16(1)
	if v6 {
		src = 3
	}
	b := attribute(1|attrNested, slices.Concat(attribute(src, addr()...), attribute(src+1, addr()...))...)
	var proto []byte
	switch shape {
	case 0:
		proto = attribute(1, []byte{6, 17, 47}[rnd.IntN(3)])
		proto = slices.Concat(proto, attribute(2, small(), small()), attribute(3, small(), small()))
	case 1:
		proto = slices.Concat(attribute(1, 1), attribute(4, small(), small()), attribute(5, 8), attribute(6, small()))
	case 2:
		proto = slices.Concat(attribute(1, 58), attribute(7, small(), small()), attribute(8, 128), attribute(9, small()))
	default:
		proto = attribute(1, 250+small())
	}
	b = append(b, attribute(2|attrNested, proto...)...)
	if zone {
		b = append(b, attribute(3, 0, small())...)
	}
	return attribute(typ|attrNested, b...)
}

// mutate returns a message as the kernel does not send it, most often.
func mutate(rnd *rand.Rand, msg []byte) []byte {
	m := slices.Clone(msg)
	for range 1 + rnd.IntN(3) {
		at := 20 + rnd.IntN(len(m)-20)
		switch rnd.IntN(6) {
		case 0:
			m[at] ^= 1 << rnd.IntN(8)
		case 1:
			m[rnd.IntN(20)] ^= 1 << rnd.IntN(8)
		case 2:
			m = m[:max(at, 24)]
		case 3: // an attribute more, of the types that matter
			m = append(m, attribute(uint16(rnd.IntN(20)), 0, 1)...)
		case 4: // tuples again: both, or the reply
			again := made(rnd, 1)[0][20:]
			if rnd.IntN(2) == 0 {
				again = again[binary.NativeEndian.Uint16(again):]
			}
			m = append(m, again...)
		case 5: // the last part first
			m = slices.Concat(m[:20], m[at&^3:], m[20:at&^3])
		}
	}
	if rnd.IntN(8) > 0 {
		binary.NativeEndian.PutUint32(m, uint32(len(m)))
	}
	return m
}

// randomExpr returns a tree of primitives that asks for values that the messages
// bear, and some next to them.
func randomExpr(rnd *rand.Rand, messages [][]byte, depth int) filter.Expr {
	if depth > 0 && rnd.IntN(4) > 0 {
		parts := make([]filter.Expr, 2+rnd.IntN(2))
		for i := range parts {
			parts[i] = randomExpr(rnd, messages, depth-1)
		}
		switch rnd.IntN(5) {
		case 0, 1:
			return filter.AllOf(parts...)
		case 2, 3:
			return filter.AnyOf(parts...)
		}
		return filter.Negate(parts[0])
	}
	var d ctnetlink.Decoder
	var b monitor.Batch
	if err := d.Decode(messages[rnd.IntN(len(messages))], &b); err != nil {
		panic(err)
	}
	return randomPrimitive(rnd, &b.Events[0])
}

func randomPrimitive(rnd *rand.Rand, e *monitor.Event) filter.Expr {
	addrs := []filter.Field{filter.FieldOrigSrc, filter.FieldOrigDst, filter.FieldReplySrc, filter.FieldReplyDst}
	values := []monitor.Addr{e.Flow.Orig.Src, e.Flow.Orig.Dst, e.Flow.Reply.Src, e.Flow.Reply.Dst}
	ports := []filter.Field{filter.FieldOrigL4Src, filter.FieldOrigL4Dst, filter.FieldReplyL4Src, filter.FieldReplyL4Dst,
		filter.FieldOrigZone, filter.FieldReplyZone, filter.FieldProto, filter.FieldFamily, filter.FieldEvent}
	numbers := []uint16{e.Flow.Orig.SrcPort, e.Flow.Orig.DstPort, e.Flow.Reply.SrcPort, e.Flow.Reply.DstPort,
		e.Flow.Orig.Zone, e.Flow.Reply.Zone, uint16(e.Flow.Orig.Proto), uint16(e.Flow.Orig.Family), uint16(e.Kind)}
	switch rnd.IntN(5) {
	case 0:
		i, a := rnd.IntN(4), values[rnd.IntN(4)].Netip()
		net, _ := a.Prefix(rnd.IntN(a.BitLen() + 1))
		return filter.Prefix{Field: addrs[i], Net: net}
	case 1:
		return filter.Differ{A: addrs[rnd.IntN(4)], B: addrs[rnd.IntN(4)]}
	case 2:
		return filter.Differ{A: ports[rnd.IntN(6)], B: ports[rnd.IntN(6)]}
	}
	i := rnd.IntN(len(ports))
	in := filter.In{Field: ports[i], Mask: ^uint64(0)}
	if rnd.IntN(4) == 0 {
		in.Mask = 0xff00 >> (8 * rnd.IntN(2))
	}
	next := uint64(numbers[i]) & in.Mask
	next -= min(next, rnd.Uint64N(2))
	for range 1 + rnd.IntN(3) {
		hi := next + rnd.Uint64N(3)
		in.Set = append(in.Set, filter.Range{Lo: next, Hi: hi})
		next = hi + 2 + rnd.Uint64N(1<<rnd.IntN(17))
	}
	return in
}

// Any single byte of any message, changed to anything, never makes the kernel
// leave out what the reader would want.
func TestPushdownOfBrokenMessages(t *testing.T) {
	needRing(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	messages := made(rnd, 12)
	for _, text := range []string{"udp dport 443", "snat", "zone 2", "src 10.1.0.0/16 and not port 1"} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		f := filter.Compile(e, filter.Env{})
		r := newPushRunner(t, ExplainPush(e, true).Kernel)
		for _, msg := range messages {
			for at := range msg {
				m := slices.Clone(msg)
				m[at] ^= byte(1 + rnd.IntN(255))
				if _, wanted := readerTakes(f, m); wanted && !r.takes(t, m) {
					t.Fatalf("%s: byte %d of %x", text, at, m)
				}
			}
		}
		r.close()
	}
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
	if p := ExplainPush(long, false); p.Why != errPushLong.Error() || p.Kernel != filter.Const(true) || p.Reader.String() != long.String() {
		t.Errorf("a long filter: kernel %v, %q", p.Kernel, p.Why)
	}
}

// The longest filter that is pushed is one that the verifier takes.
func TestPushdownAtItsLongest(t *testing.T) {
	needRing(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	messages := made(rnd, 50)
	longest := filter.Expr(filter.Const(true))
	size := 0
	for range 200 {
		e := randomExpr(rnd, messages, 9)
		ins, err := pushInstructions(e, 0)
		if err == nil && len(ins) > size {
			longest, size = e, len(ins)
		}
	}
	r := newPushRunner(t, longest)
	defer r.close()
	if size < maxPush {
		t.Errorf("longest filter: %d instructions", size)
	}
	info, err := r.prog.prog.Info()
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := info.VerifiedInstructions(); ok {
		t.Logf("%d instructions, %d verified", size, n)
	}
}

// A capture with a filter tells what the filter wants, and counts the rest.
func TestCaptureWithPush(t *testing.T) {
	needRing(t)
	g, err := lab.NewGenerator(lab.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	e, err := filter.Parse("udp dport 1100..1109")
	if err != nil {
		t.Fatal(err)
	}
	c := ways[1].start(t, Config{NetNS: g.Namespace().FD(), Push: ExplainPush(e, false).Kernel})
	if made, err := g.Generate(t.Context(), lab.GenConfig{Flows: 1000}); err != nil || made.Flows != 1000 {
		t.Fatal(made, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	var ports []uint16
	var b monitor.Batch
	for len(ports) < 10 {
		b.Reset()
		if err := c.Next(ctx, &b); err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Events {
			ports = append(ports, e.Flow.Orig.DstPort)
		}
	}
	want := []uint16{1100, 1101, 1102, 1103, 1104, 1105, 1106, 1107, 1108, 1109}
	if !slices.Equal(ports, want) {
		t.Errorf("ports %v, want %v", ports, want)
	}
	if s := c.Stats(); s.Received != 10 || s.LeftOut != 990 {
		t.Errorf("stats %+v, want 10 received and 990 left out", s)
	}
}
