//go:build linux

package capture

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/filter"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// captured returns messages that this kernel sent, of each kind of tuple.
func captured(t *testing.T) [][]byte {
	t.Helper()
	l := labtest.New(t)
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
		if zones == 3 {
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
	if rnd.IntN(2) == 0 {
		m := append(slices.Clone(msg[:20]), reshape(rnd, msg[20:])...)
		binary.NativeEndian.PutUint32(m, uint32(len(m)))
		return m
	}
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

// reshape returns attributes that are in order, but other than the kernel has them:
// a child of a nest, or of one in it, has another place, comes twice, with another
// value, or not at all; there are unknown children; a nest has another
// flow's.
func reshape(rnd *rand.Rand, b []byte) []byte {
	var all [][]byte
	for rest := b; len(rest) >= 4; {
		n := int(binary.NativeEndian.Uint16(rest))
		all = append(all, rest[:(n+3)&^3])
		rest = rest[(n+3)&^3:]
	}
	at := rnd.IntN(len(all))
	if len(all) > 3 { // the top level: most often one of the tuples
		at = rnd.IntN(3)
	}
	head := binary.NativeEndian.Uint16(all[at][2:])
	if head&attrNested != 0 && rnd.IntN(4) > 0 {
		all[at] = attribute(head, reshape(rnd, all[at][4:])...)
		return slices.Concat(all...)
	}
	switch rnd.IntN(6) {
	case 0:
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	case 1:
		all = slices.Delete(all, at, at+1)
	case 2: // again, and most often not the same
		again := slices.Clone(all[at])
		again[len(again)-1-rnd.IntN(4)] ^= byte(rnd.IntN(4))
		all = append(all, again)
	case 3:
		all = slices.Insert(all, at, attribute(uint16(20+rnd.IntN(9)), make([]byte, rnd.IntN(9))...))
	case 4:
		all[at] = slices.Clone(all[at])
		binary.NativeEndian.PutUint16(all[at][2:], head^attrNested)
	case 5:
		other := made(rnd, 1)[0][20:]
		all[at] = other[:binary.NativeEndian.Uint16(other)]
		binary.NativeEndian.PutUint16(all[at][2:], head)
	}
	return slices.Concat(all...)
}

// randomExpr returns a tree of primitives that asks for values of the messages, and
// for some next to them.
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
