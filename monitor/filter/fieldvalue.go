package filter

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unique"

	"natlens/monitor"
	"natlens/monitor/human"
)

// Reader returns a function that appends the values that an event has of the field. It appends
// none if the value is unknown, one for each label, and one for each other field with two
// exceptions:
//
//	host   the two hosts that send packets: src, and reply.src
//	port   the destination port, because most source ports are random
func (f Field) Reader(env Env) func(e *monitor.Event, to []Owned) []Owned {
	if ends := f.ends(); len(ends) > 1 {
		sender, replier := ends[0].Reader(env), ends[1].Reader(env)
		return func(e *monitor.Event, to []Owned) []Owned {
			n := len(to)
			to = replier(e, sender(e, to))
			if len(to) == n+2 && to[n].Value == to[n+1].Value {
				to = to[:n+1]
			}
			return to
		}
	}
	switch k := f.info().kind; {
	case k == kindAddr:
		return addrReader(f)
	case k == kindText || f.isLookedUp():
		return textReader(f, env)
	case k == kindLabel:
		return appendLabels
	}
	get := valueReader(f, env)
	return func(e *monitor.Event, to []Owned) []Owned {
		if n, ok := get(e); ok {
			to = append(to, Owned{Value: Value{n: n}})
		}
		return to
	}
}

func addrReader(f Field) func(*monitor.Event, []Owned) []Owned {
	known, reply := compile(lowerAddr(Addr{f, Eq, everywhere}), Env{}), slices.Contains(repliers, f)
	return func(e *monitor.Event, to []Owned) []Owned {
		if known(e) {
			_, a := f.addr(&e.Flow)
			to = append(to, Owned{Value{addr: *a}, reply})
		}
		return to
	}
}

var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func textReader(f Field, env Env) func(*monitor.Event, []Owned) []Owned {
	known, blob, name, reply := knows(f), blobs[f], textReaders[f], slices.Contains(repliers, f)
	return func(e *monitor.Event, to []Owned) []Owned {
		var text string
		switch {
		case blob == nil:
			text = name(e, &env)
		case known(e):
			text = string(blob(e.Extra))
		}
		if text != "" {
			local := f.info().kind == kindName && e.Flow.Path == monitor.PathIn
			to = append(to, Owned{Value{text: unique.Make(text)}, reply || local})
		}
		return to
	}
}

// valueReader returns a function that reads a number. Numbers that a comparison of the field
// does not distinguish are made equal.
func valueReader(f Field, env Env) func(*monitor.Event) (uint64, bool) {
	if f == FieldPort {
		f = FieldOrigDPort
	}
	if any := lowerCmp(Cmp{f, 0, Ge, []Range{{}}}); any != nil {
		s, ok := slots[f]
		if !ok {
			s = slot{field: f, max: f.info().max}
		}
		get, known := s.field.info().value, compile(any, env)
		return func(e *monitor.Event) (uint64, bool) { return get(e) >> s.shift & s.max, known(e) }
	}
	if f == FieldMaster {
		has := knows(f)
		return func(e *monitor.Event) (uint64, bool) { return 1, has(e) }
	}
	read := numberReader(f, env)
	return func(e *monitor.Event) (uint64, bool) {
		v, ok := read(e)
		switch f {
		case FieldNAT:
			v &= natKinds
		case FieldState:
			set := stateSet(stateNames([]Range{{v, v}})[0])
			if ok = ok && len(set) > 0; ok {
				v = set[0].Lo // protocols share names
			}
		}
		return v, ok
	}
}

// Is returns the filter of the flows with this value, as Reader reads it.
func (f Field) Is(v Value) Expr {
	switch k := f.info().kind; {
	case f == FieldHost:
		return AnyOf(f.ends()[0].Is(v), f.ends()[1].Is(v))
	case f == FieldPort:
		return FieldOrigDPort.Is(v)
	case f == FieldMaster:
		return Has{f}
	case k == kindAddr:
		a := v.addr.Netip()
		return Addr{f, Eq, []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}}
	case k == kindText || f.isLookedUp():
		return Text{f, Eq, []string{v.string()}}
	case k == kindFlag && v.n == 0:
		return Negate(f.Is(Value{n: 1}))
	case k == kindNAT:
		return AllOf(newCmp(f, natSource, Eq, []Range{{v.n & natSource, v.n & natSource}}),
			newCmp(f, natDest, Eq, []Range{{v.n & natDest, v.n & natDest}}))
	case k == kindState:
		return newCmp(f, 0, Eq, stateSet(f.Text(v)))
	}
	return newCmp(f, 0, Eq, []Range{{v.n, v.n}})
}

// Text returns a value as the filter language writes it, and sets of bits as their names.
func (f Field) Text(v Value) string {
	switch k := f.info().kind; k {
	case kindAddr:
		return v.addr.String()
	case kindText, kindName, kindPlace:
		return v.string()
	case kindFlag:
		return [...]string{"no", "yes"}[v.n&1]
	case kindNAT:
		return monitor.NATKind(v.n).String()
	case kindState:
		return stateNames([]Range{{v.n, v.n}})[0]
	case kindStatus:
		return cmp.Or(strings.Join(monitor.Status(v.n).Names(), ","), k.value(v.n))
	default:
		return k.value(v.n)
	}
}

// JSON returns a value in the type that events have for it: an integer or a text.
func (f Field) JSON(v Value) any {
	switch f.info().kind {
	case kindNumber, kindHex, kindPort, kindSize, kindLabel:
		return v.n
	}
	return f.Text(v)
}

// Amount reports whether the field is an amount or a time: lists begin with the largest.
func (f Field) Amount() bool { return f.info().kind.units != nil }

// Listed reports whether few values of the field are frequent, so that they can be offered.
func (f Field) Listed() bool {
	k := f.info().kind
	return k.units == nil && k != kindFlag && (k != kindNumber || f <= FieldZone)
}

// FieldByName returns the field of a word. The error suggests a similar word.
func FieldByName(word string) (Field, error) {
	f, ok := fieldByName[fold(word)]
	if !ok {
		err := Error{Suggestion: human.Nearest(word, slices.Sorted(maps.Keys(fieldByName)))}
		return 0, fmt.Errorf("%q is not a field of the filter language%s", word, err.hint())
	}
	return f, nil
}

// Sided reports whether the values of the field belong to one end of a flow, so that Owned.Reply
// has a meaning.
func (f Field) Sided() bool { return f.info().kind == kindAddr || f.isLookedUp() }

// FieldNames returns the canonical words of all fields, sorted.
func FieldNames() []string { return mapped(fieldOrder, Field.String) }
