package jsonl

import (
	"strings"

	"natlens/monitor"
)

// Expect writes the line of an expectation.
func (j *Writer) Expect(e *monitor.Expect) error {
	return j.out.Append(func(b []byte) []byte { return j.expect(b, e) })
}

func (j *Writer) expect(b []byte, e *monitor.Expect) []byte {
	b = append(j.ts.AppendTo(append(b, `{"v":1,"ts":"`...), e.Time), '"')
	b = word(b, `,"ts_source":"`, e.TimeSource.String())
	b = word(b, `,"expectation":"`, e.Kind.String())
	b = numIf(b, e.Has&monitor.ExpectID != 0, `,"id":`, uint64(e.ID))
	b = protocol(b, &e.Tuple)
	b = numIf(b, e.Has&monitor.ExpectTimeout != 0, `,"timeout":`, uint64(e.Timeout))
	b = append(j.tuple(append(b, `,"expected":{`...), &e.Tuple), '}')
	b = append(j.tuple(append(b, `,"mask":{`...), &e.Mask), '}')
	b = append(word(b, `,"master":{"proto":"`, e.Master.Proto.String()), ',')
	b = append(j.tuple(b, &e.Master), '}')
	if e.Has&monitor.ExpectNAT != 0 {
		b = append(j.tuple(append(b, `,"nat":{`...), &e.NAT), '}')
	}
	b = numIf(b, e.Has&monitor.ExpectZone != 0, `,"zone":`, uint64(e.Zone))
	if e.Has&monitor.ExpectHelper != 0 {
		b = appendText(append(b, `,"helper":`...), []byte(e.Helper))
	}
	b = numIf(b, e.Has&monitor.ExpectClass != 0, `,"class":`, uint64(e.Class))
	if names := e.Flags.Names(); len(names) > 0 {
		b = append(append(append(b, `,"flags":["`...), strings.Join(names, `","`)...), `"]`...)
	}
	b = numIf(b, e.PortID != 0 && e.Kind != monitor.KindExisting, `,"portid":`, uint64(e.PortID))
	return append(b, "}\n"...)
}
