package filter

import (
	"cmp"

	"natlens/monitor"
)

// knows returns a function that reports whether the field is known: of the flow, or with Sent
// in the message.
func knows(f Field) func(*monitor.Event) bool {
	attrs, sent := f.info().attrs, f&Sent != 0
	switch inExtra := attrs&monitor.AttrsInExtra != 0; {
	case f == FieldGen:
		return func(e *monitor.Event) bool { return e.Gen != 0 }
	case attrs == 0:
		return func(*monitor.Event) bool { return true }
	default:
		return func(e *monitor.Event) bool {
			return (e.Has&attrs != 0 || !sent && e.Remembered&attrs != 0) && (!inExtra || e.Extra != nil)
		}
	}
}

// compileCmp compares a number that is not in a primitive. The comparison with an unknown
// number is false.
func compileCmp(c Cmp, env Env) monitor.Filter {
	if c.Field&^Sent == FieldLabel {
		return compileLabel(c)
	}
	get := numberReader(c.Field, env)
	limit, mask := cmp.Or(c.Field.info().max, noMask), uint64(noMask)
	if c.Mask != 0 {
		limit, mask = noMask, c.Mask
	}
	set := c.ranges(limit)
	if len(set) == 0 {
		return func(*monitor.Event) bool { return false }
	}
	within := compileSet(set)
	return func(e *monitor.Event) bool {
		v, ok := get(e)
		return ok && within(v&mask)
	}
}

// leftOut are the fields whose attribute the kernel does not send if it is 0. conntrack(8)
// compares these attributes: a zone of one direction does not match a zone of both.
var leftOut = map[Field]monitor.Attrs{
	FieldMark: monitor.AttrMark, FieldZone | Sent: monitor.AttrZone,
	FieldOrigZone | Sent: monitor.AttrZoneOrig, FieldReplyZone | Sent: monitor.AttrZoneReply,
}

// numberReader returns a function that reads a field and reports whether it is known.
func numberReader(f Field, env Env) func(*monitor.Event) (uint64, bool) {
	if f == FieldAge {
		return func(e *monitor.Event) (uint64, bool) { return ageOf(e, env.Now) }
	}
	known, value := knows(f), f.info().value
	if attr, ok := leftOut[f]; ok {
		return func(e *monitor.Event) (uint64, bool) {
			if has := e.Has | e.Remembered; f&Sent == 0 && has&attr == 0 || f&Sent != 0 && e.Has&attr == 0 {
				return 0, true
			}
			return value(e), true
		}
	}
	return func(e *monitor.Event) (uint64, bool) {
		if !known(e) {
			return 0, false
		}
		return value(e), true
	}
}

// ageOf returns the time from the flow's beginning to its end, or to the event if the end is
// unknown. A new flow has the age 0.
func ageOf(e *monitor.Event, now func() monitor.Time) (uint64, bool) {
	known, born, at := e.Known(), e.Born, e.Time
	if known&monitor.AttrStart != 0 {
		born = e.Flow.Start
	}
	if born == 0 {
		return 0, e.Kind == monitor.KindNew
	}
	switch {
	case known&monitor.AttrStop != 0 && e.Flow.Stop != 0:
		at = e.Flow.Stop
	case at == 0 && now != nil:
		at = now()
	}
	if at == 0 {
		return 0, false
	}
	return uint64(max(0, at-born)), true
}

// compileLabel compares bits of the labels: any bit of the set is set, or with Ne none.
func compileLabel(c Cmp) monitor.Filter {
	var want [16]byte
	for bit := range uint64(128) {
		if contains(c.Set, bit) {
			want[bit/8] |= 1 << (bit % 8)
		}
	}
	known, any := knows(c.Field), c.Op == Eq
	return func(e *monitor.Event) bool {
		if !known(e) {
			return false
		}
		for i, b := range e.Extra.Labels {
			if i < len(want) && b&want[i] != 0 {
				return any
			}
		}
		return !any
	}
}
