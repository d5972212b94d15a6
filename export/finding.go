package export

import (
	"io"

	"natlens/monitor"
)

// Finding writes a line of a finding that appeared or is gone.
func (j *JSONL) Finding(f *monitor.Finding) error {
	b, err := j.begin()
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
	b = j.appendTime(b, `,"since":"`, &j.start, f.Since)
	if f.Flows > 0 {
		b = appendField(b, `,"flows":`, f.Flows)
	}
	b = append(append(b, `,"figures":`...), monitor.MarshalFigures(f.Figures)...)
	b = append(b, `,"examples":[`...)
	for i := range f.Examples {
		b = appendExample(b, i, &f.Examples[i])
	}
	return j.flush(append(b, "]}\n"...))
}

// appendExample appends a flow of the evidence.
func appendExample(b []byte, i int, x *monitor.FlowRef) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = appendField(b, `{"flow":`, x.Gen)
	b = appendProto(append(b, `,"proto":"`...), x.Orig.Proto)
	b = appendField(b, `","protonum":`, uint64(x.Orig.Proto))
	b = appendTuple(append(b, `,"orig":{`...), &x.Orig, nil)
	return append(b, "}}"...)
}

// Finding writes a row of a finding that appeared or is gone.
func (p *Pretty) Finding(f *monitor.Finding) error {
	b, err := p.begin()
	if err != nil {
		return err
	}
	at, pen := f.Seen, p.pens.warn
	switch {
	case f.Cleared != 0:
		at, pen = f.Cleared, p.pens.ended
	case f.Severity == monitor.SeverityFail:
		pen = p.pens.bad
	}
	b = append(p.appendTime(b, at), pen...)
	b = monitor.AppendEscaped(append(b, "── "...), []byte(FindingText(f)))
	b = append(b, " ──"...)
	return p.flush(append(append(b, p.pens.off(pen)...), '\n'))
}

// FindingText says in one line what a finding is and how to go on, for people.
func FindingText(f *monitor.Finding) string {
	if f.Cleared != 0 {
		return "gone: " + f.Rule + ": " + f.Text
	}
	return f.Rule + ": " + f.Text + " → " + f.Command
}

// FindingNotes tells of findings where a format has no line for them. It is a
// sink that does nothing with events.
type FindingNotes struct{ W io.Writer }

// Write does nothing.
func (n FindingNotes) Write(*monitor.Batch) error { return nil }

// Close does nothing.
func (n FindingNotes) Close() error { return nil }

// Finding writes a note.
func (n FindingNotes) Finding(f *monitor.Finding) error {
	note(n.W, "natlens: "+monitor.Escape(FindingText(f)))
	return nil
}
