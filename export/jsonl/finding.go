package jsonl

import (
	"natlens/export/text"
	"natlens/monitor"
)

// Finding writes a line of a finding that appeared or is gone.
func (j *Writer) Finding(f *monitor.Finding) error {
	b, err := j.out.Begin()
	if err != nil {
		return err
	}
	at, what := f.Seen, "appeared"
	if f.Cleared != 0 {
		at, what = f.Cleared, "cleared"
	}
	b = append(b, `{"v":1`...)
	b = j.appendTime(b, `,"ts":"`, &j.ts, at)
	b = appendField(b, `,"seq":`, f.Seq)
	b = append(b, `,"event":"finding","finding":"`...)
	b = append(append(b, what...), '"')
	for _, m := range []struct{ name, value string }{
		{"rule", f.Rule}, {"severity", f.Severity.String()}, {"subject", f.Subject}, {"text", f.Text}, {"why", f.Why},
		{"filter", f.Filter}, {"command", f.Command},
	} {
		if m.value == "" {
			continue
		}
		b = append(append(append(b, `,"`...), m.name...), `":`...)
		b = appendText(b, []byte(m.value))
	}
	b = j.appendNetNS(b, f.NetNS)
	b = j.appendTime(b, `,"since":"`, &j.start, f.Since)
	if f.Flows > 0 {
		b = appendField(b, `,"flows":`, f.Flows)
	}
	b = append(append(b, `,"figures":`...), monitor.MarshalFigures(f.Figures)...)
	b = append(b, `,"examples":[`...)
	for i := range f.Examples {
		b = appendExample(b, i, &f.Examples[i])
	}
	return j.out.Flush(append(b, "]}\n"...))
}

// appendExample appends a flow of the evidence.
func appendExample(b []byte, i int, x *monitor.FlowRef) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = appendField(b, `{"flow":`, x.Gen)
	b = text.AppendProto(append(b, `,"proto":"`...), x.Orig.Proto)
	b = appendField(b, `","protonum":`, uint64(x.Orig.Proto))
	b = appendTuple(append(b, `,"orig":{`...), &x.Orig, nil)
	return append(b, "}}"...)
}
