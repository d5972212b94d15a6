package pretty

import (
	"natlens/export/text"
	"natlens/monitor"
)

// Finding writes a row of a finding that appeared or is gone.
func (p *Writer) Finding(f *monitor.Finding) error {
	b, err := p.out.Begin()
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
	b = monitor.AppendEscaped(append(b, "── "...), []byte(text.FindingText(f)))
	b = append(b, " ──"...)
	return p.out.Flush(append(append(b, p.pens.off(pen)...), '\n'))
}
