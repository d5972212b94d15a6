package jsonl

import (
	"io"
	"strings"

	"natlens/export/text"
	"natlens/monitor"
)

// Expects writes expectations, one JSON object a line.
type Expects struct{ json Writer }

// NewExpects returns a sink of expectations.
func NewExpects(w io.Writer) *Expects { return &Expects{json: Writer{out: text.Lines{W: w}}} }

// Write writes one expectation.
func (x *Expects) Write(e *monitor.Expect) error {
	return x.json.out.Append(func(b []byte) []byte { return append(x.append(b, e), "}\n"...) })
}

// Close returns the error that ended the sink, if any.
func (x *Expects) Close() error { return x.json.out.Err() }

func (x *Expects) append(b []byte, e *monitor.Expect) []byte {
	b = append(x.json.ts.AppendTo(append(b, `{"v":1,"ts":"`...), e.Time), '"')
	b = word(b, `,"ts_source":"`, e.TimeSource.String())
	b = word(b, `,"expectation":"`, e.Kind.String())
	b = numIf(b, e.Has&monitor.ExpectID != 0, `,"id":`, uint64(e.ID))
	b = protocol(b, &e.Tuple)
	b = numIf(b, e.Has&monitor.ExpectTimeout != 0, `,"timeout":`, uint64(e.Timeout))
	b = append(x.json.tuple(append(b, `,"expected":{`...), &e.Tuple), '}')
	b = append(x.json.tuple(append(b, `,"mask":{`...), &e.Mask), '}')
	b = append(text.AppendProto(append(b, `,"master":{"proto":"`...), e.Master.Proto), `",`...)
	b = append(x.json.tuple(b, &e.Master), '}')
	if e.Has&monitor.ExpectNAT != 0 {
		b = append(x.json.tuple(append(b, `,"nat":{`...), &e.NAT), '}')
	}
	b = numIf(b, e.Has&monitor.ExpectZone != 0, `,"zone":`, uint64(e.Zone))
	if e.Has&monitor.ExpectHelper != 0 {
		b = appendText(append(b, `,"helper":`...), []byte(e.Helper))
	}
	b = numIf(b, e.Has&monitor.ExpectClass != 0, `,"class":`, uint64(e.Class))
	if names := e.Flags.Names(); len(names) > 0 {
		b = append(append(append(b, `,"flags":["`...), strings.Join(names, `","`)...), `"]`...)
	}
	return numIf(b, e.PortID != 0 && e.Kind != monitor.KindExisting, `,"portid":`, uint64(e.PortID))
}
