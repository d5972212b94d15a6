package jsonl

import "natlens/monitor"

// Finding writes the line of a finding that appeared or was cleared.
func (j *Writer) Finding(f *monitor.Finding) error {
	return j.out.Append(func(b []byte) []byte { return j.finding(b, f) })
}

func (j *Writer) finding(b []byte, f *monitor.Finding) []byte {
	at, what := f.Seen, "appeared"
	if f.Cleared != 0 {
		at, what = f.Cleared, "cleared"
	}
	b = append(b, `{"v":1`...)
	b = j.time(b, `,"ts":"`, &j.ts, at)
	b = num(b, `,"seq":`, f.Seq)
	b = word(b, `,"event":"finding","finding":"`, what)
	for _, m := range []struct{ name, value string }{
		{"rule", f.Rule}, {"severity", f.Severity.String()}, {"subject", f.Subject}, {"text", f.Text}, {"why", f.Why},
		{"filter", f.Filter}, {"command", f.Command},
	} {
		if m.value != "" {
			b = appendText(append(append(append(b, `,"`...), m.name...), `":`...), []byte(m.value))
		}
	}
	b = j.netns(b, f.NetNS)
	b = j.time(b, `,"since":"`, &j.start, f.Since)
	b = numIf(b, f.Flows > 0, `,"flows":`, f.Flows)
	b = append(append(b, `,"figures":`...), monitor.MarshalFigures(f.Figures)...)
	b = append(b, `,"examples":[`...)
	for i := range f.Examples { // flows that show the finding
		x := &f.Examples[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = num(b, `{"flow":`, x.Gen)
		b = word(b, `,"proto":"`, x.Orig.Proto.String())
		b = num(b, `,"protonum":`, uint64(x.Orig.Proto))
		b = append(j.tuple(append(b, `,"orig":{`...), &x.Orig), "}}"...)
	}
	return append(j.gateway(append(b, ']'), f.NetNS), "}\n"...)
}
