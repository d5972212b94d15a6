package jsonl

import (
	"io"

	"natlens/export/text"
	"natlens/monitor"
)

// Expects writes expectations, one JSON object a line.
type Expects struct {
	out text.Lines
	ts  text.RFC3339
}

// NewExpects returns a sink of expectations.
func NewExpects(w io.Writer) *Expects { return &Expects{out: text.Lines{W: w}} }

// Write writes one expectation.
func (x *Expects) Write(e *monitor.Expect) error {
	b, err := x.out.Begin()
	if err != nil {
		return err
	}
	return x.out.Flush(append(appendExpectJSON(b, e, &x.ts), '\n'))
}

// Close returns the error that ended the sink, if any.
func (x *Expects) Close() error { return x.out.Err }

// appendExpectJSON appends an object, as docs/json.md specifies it.
func appendExpectJSON(b []byte, e *monitor.Expect, ts *text.RFC3339) []byte {
	b = append(ts.AppendTo(append(b, `{"v":1,"ts":"`...), e.Time), `","ts_source":"`...)
	b = append(append(b, e.TimeSource.String()...), `","expectation":"`...)
	b = append(append(b, e.Kind.String()...), '"')
	if e.Has&monitor.ExpectID != 0 {
		b = appendField(b, `,"id":`, uint64(e.ID))
	}
	b = append(append(append(b, `,"family":"`...), e.Tuple.Family.String()...), `","proto":"`...)
	b = append(append(b, e.Tuple.Proto.String()...), '"')
	b = appendField(b, `,"protonum":`, uint64(e.Tuple.Proto))
	if e.Has&monitor.ExpectTimeout != 0 {
		b = appendField(b, `,"timeout":`, uint64(e.Timeout))
	}
	b = append(appendTuple(append(b, `,"expected":{`...), &e.Tuple, nil), `},"mask":{`...)
	b = append(appendTuple(b, &e.Mask, nil), `},"master":{"proto":"`...)
	b = append(append(b, e.Master.Proto.String()...), `",`...)
	b = append(appendTuple(b, &e.Master, nil), '}')
	if e.Has&monitor.ExpectNAT != 0 {
		b = append(appendTuple(append(b, `,"nat":{`...), &e.NAT, nil), '}')
	}
	if e.Has&monitor.ExpectZone != 0 {
		b = appendField(b, `,"zone":`, uint64(e.Zone))
	}
	if e.Has&monitor.ExpectHelper != 0 {
		b = appendText(append(b, `,"helper":`...), []byte(e.Helper))
	}
	if e.Has&monitor.ExpectClass != 0 {
		b = appendField(b, `,"class":`, uint64(e.Class))
	}
	for i, name := range e.Flags.Names() {
		b = append(append(append(b, [...]string{`,"flags":["`, `,"`}[min(i, 1)]...), name...), '"')
	}
	if len(e.Flags.Names()) > 0 {
		b = append(b, ']')
	}
	if e.PortID != 0 && e.Kind != monitor.KindExisting {
		b = appendField(b, `,"portid":`, uint64(e.PortID))
	}
	return append(b, '}')
}
