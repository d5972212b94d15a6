package filter

import (
	"bytes"
	"cmp"
	"math/bits"
	"strings"
	"unique"

	"natlens/monitor"
)

// Value is the value that a flow has of a field. Values of one field are equal (==) if and only
// if they are the same.
type Value struct {
	addr monitor.Addr
	n    uint64
	text unique.Handle[string] // only of kinds that are text
}

// string returns the text; "" for the zero Value.
func (v Value) string() string {
	if v.text == (unique.Handle[string]{}) {
		return ""
	}
	return v.text.Value()
}

// Compare orders values of one field.
func (v Value) Compare(w Value) int {
	if v.addr == w.addr && v.n == w.n && v.text != w.text {
		return strings.Compare(v.string(), w.string())
	}
	return cmp.Or(bytes.Compare(v.addr[:], w.addr[:]), cmp.Compare(v.n, w.n))
}

// Owned is a value of a flow. Reply means that its owner sends the reply direction, as the host
// of a destination address does.
type Owned struct {
	Value
	Reply bool
}

// repliers are the fields whose owners send the replies.
var repliers = []Field{FieldOrigDst, FieldReplySrc, FieldNATDst, FieldCountryDst, FieldCityDst, FieldASDst}

func appendLabels(e *monitor.Event, to []Owned) []Owned {
	if e.Known()&monitor.AttrLabels != 0 && e.Extra != nil {
		for i, b := range e.Extra.Labels {
			for ; b != 0; b &= b - 1 {
				to = append(to, Owned{Value: Value{n: uint64(i*8 + bits.TrailingZeros8(b))}})
			}
		}
	}
	return to
}
