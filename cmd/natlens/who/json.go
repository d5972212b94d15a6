package who

import (
	"encoding/json"
	"io"

	"natlens/monitor/translation"
)

// jsonPrinter prints JSON. With lines it prints a line for each answer and one
// for the verdict; without, one object. docs/who.md has their fields.
type jsonPrinter struct {
	w         io.Writer
	lines     bool
	rows      []translation.Row
	uncertain int
}

func (p *jsonPrinter) add(a *translation.Answer) error {
	if a.Uncertain() {
		p.uncertain++
	}
	row := translation.NewRow(a)
	if p.lines {
		return p.write(row)
	}
	p.rows = append(p.rows, row)
	return nil
}

func (p *jsonPrinter) end(v *translation.Verdict, _ string) error {
	row := translation.NewVerdictRow(v, p.uncertain)
	row.Translations = p.rows
	return p.write(row)
}

func (p *jsonPrinter) write(v any) error {
	enc := json.NewEncoder(p.w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
