//go:build linux

package capture

import (
	"encoding/binary"
	"fmt"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// operand is something of a message that a test reads: one of the numbers, or 32
// bits of a tuple, of which at is the distance from its beginning.
type operand struct {
	of operandOf
	at int16
}

type operandOf uint8

const (
	ofNumbers operandOf = iota
	ofOrig
	ofReply
)

// pushTest is one comparison of a filter: whether a, masked, lies from lo to hi;
// or, where b is given, whether a and b differ. Bits of a tuple are compared in
// network order, and only for one value. It goes to the label yes or no, which
// stands further on. Where both are the same there is nothing to compare.
type pushTest struct {
	label   string // "" if it is only come to from the test before
	a       operand
	mask    uint32
	lo, hi  uint32
	b       *operand
	loaded  bool // the test before, from which alone it is come to, reads the same
	yes, no string
}

// The numbers that are read from a message.
const (
	numFamily = iota
	numProto  // of the original tuple, as all that has no direction
	numKind
	numOrig    // L4 source, L4 destination, zone, whether CTA_TUPLE_ZONE was there
	numReply   = numOrig + 4
	numNumbers = numReply + 4
)

const (
	l4Src = iota
	l4Dst
	tupleZone
	tupleZoned
)

// numberSlots are the fields that In can ask for, and their numbers.
var numberSlots = map[filter.Field]int16{
	filter.FieldFamily:     numFamily,
	filter.FieldProto:      numProto,
	filter.FieldEvent:      numKind,
	filter.FieldOrigL4Src:  numOrig + l4Src,
	filter.FieldOrigL4Dst:  numOrig + l4Dst,
	filter.FieldOrigZone:   numOrig + tupleZone,
	filter.FieldReplyL4Src: numReply + l4Src,
	filter.FieldReplyL4Dst: numReply + l4Dst,
	filter.FieldReplyZone:  numReply + tupleZone,
}

// addressSlot returns where an address of a family begins.
func addressSlot(f filter.Field, family monitor.Family) (at operand, ok bool) {
	src, dst := int16(12), int16(20)
	if family == monitor.IPv6 {
		dst = 32
	}
	switch f {
	case filter.FieldOrigSrc:
		return operand{ofOrig, src}, true
	case filter.FieldOrigDst:
		return operand{ofOrig, dst}, true
	case filter.FieldReplySrc:
		return operand{ofReply, src}, true
	case filter.FieldReplyDst:
		return operand{ofReply, dst}, true
	}
	return operand{}, false
}

// matcher compiles a tree of primitives to tests.
type matcher struct {
	tests  []pushTest
	labels int
	next   string // label of the next test
}

func (m *matcher) label() string {
	m.labels++
	return fmt.Sprintf("match %d", m.labels)
}

func (m *matcher) test(t pushTest, yes, no string) {
	t.label, t.yes, t.no = m.next, yes, no
	m.next = ""
	m.tests = append(m.tests, t)
}

// match appends tests that go to yes if e is true and to no if it is not. A
// constant stands only at the top.
func (m *matcher) match(e filter.Expr, yes, no string) {
	switch e := e.(type) {
	case filter.Const: // false; see pushTests
		m.test(pushTest{}, no, no)
	case filter.Not:
		m.match(e.X, no, yes)
	case filter.And:
		row(m, e, true, m.match, yes, no)
	case filter.Or:
		row(m, e, false, m.match, yes, no)
	case filter.In:
		m.in(e, yes, no)
	case filter.Prefix:
		m.prefix(e, yes, no)
	case filter.Differ:
		m.differ(e, yes, no)
	}
}

// row appends what add makes of each part, all of which must hold, or one of them.
func row[T any](m *matcher, parts []T, all bool, add func(part T, yes, no string), yes, no string) {
	last := len(parts) - 1
	for _, x := range parts[:last] {
		next := m.label()
		if all {
			add(x, next, no)
		} else {
			add(x, yes, next)
		}
		m.next = next
	}
	add(parts[last], yes, no)
}

// isNumber is the test whether a number has a value.
func isNumber(n int16, value uint32) pushTest {
	return pushTest{a: operand{ofNumbers, n}, mask: ^uint32(0), lo: value, hi: value}
}

// pushRanges are the ranges of an In in which a number of 16 bits can lie.
func pushRanges(e filter.In) []filter.Range {
	var out []filter.Range
	for _, r := range e.Set {
		if r.Lo <= 0xffff {
			out = append(out, filter.Range{Lo: r.Lo, Hi: min(r.Hi, 0xffff)})
		}
	}
	return out
}

func (m *matcher) in(e filter.In, yes, no string) {
	mask := uint32(e.Mask) | 0xffff0000
	var tests []pushTest
	for i, r := range pushRanges(e) {
		tests = append(tests, pushTest{a: operand{ofNumbers, numberSlots[e.Field]}, mask: mask,
			lo: uint32(r.Lo), hi: uint32(r.Hi), loaded: i > 0})
	}
	row(m, tests, false, m.test, yes, no)
}

// prefix compares an address word by word, as far as the prefix reaches.
func (m *matcher) prefix(e filter.Prefix, yes, no string) {
	family := monitor.IPv6
	if e.Net.Addr().Is4() {
		family = monitor.IPv4
	}
	at, _ := addressSlot(e.Field, family)
	tests := []pushTest{isNumber(numFamily, uint32(family))}
	addr, bits := e.Net.Addr().AsSlice(), e.Net.Bits()
	for i := 0; i < bits; i += 32 {
		mask := ^uint32(0) << (32 - min(bits-i, 32))
		word := binary.BigEndian.Uint32(addr[i/8:]) & mask
		tests = append(tests, pushTest{a: operand{at.of, at.at + int16(i/8)}, mask: mask, lo: word, hi: word})
	}
	row(m, tests, true, m.test, yes, no)
}

// differ compares two numbers, or two addresses of the flow's family.
func (m *matcher) differ(e filter.Differ, yes, no string) {
	if a, ok := numberSlots[e.A]; ok {
		m.test(pushTest{a: operand{ofNumbers, a}, mask: ^uint32(0), b: &operand{ofNumbers, numberSlots[e.B]}}, yes, no)
		return
	}
	v4, v6 := m.label(), m.label()
	m.test(isNumber(numFamily, uint32(monitor.IPv6)), v6, v4)
	m.next = v4
	row(m, differAddr(e, monitor.IPv4), false, m.test, yes, no)
	m.next = v6
	row(m, differAddr(e, monitor.IPv6), false, m.test, yes, no)
}

// differAddr are the tests of which one holds where two addresses differ.
func differAddr(e filter.Differ, family monitor.Family) (tests []pushTest) {
	a, _ := addressSlot(e.A, family)
	b, _ := addressSlot(e.B, family)
	size := int16(4)
	if family == monitor.IPv6 {
		size = 16
	}
	for i := int16(0); i < size; i += 4 {
		tests = append(tests, pushTest{a: operand{a.of, a.at + i}, mask: ^uint32(0), b: &operand{b.of, b.at + i}})
	}
	return tests
}
