package who

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"natlens/cmd/natlens/cli"
	exporttext "natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/translation"
)

// text prints answers for people: a table for each maxHeld answers, or a few short lines for each answer if the table
// is wider than the terminal.
type text struct {
	answers
	w      io.Writer
	width  int // of the terminal; 0: no limit
	colour bool
	ascii  bool
	place  string

	held [][]string
}

// maxHeld is how many answers a table has.
const maxHeld = 500

func newText(o *options, place string) *text {
	width, _ := cli.Terminal(o.con.Stdout)
	return &text{
		answers: answers{loc: time.Local}, w: o.con.Stdout,
		width: width, colour: o.con.Colour(o.con.Stdout), ascii: o.con.ASCII(), place: place,
	}
}

func (p *text) add(a *translation.Answer) error {
	row := p.cells(a)
	for i := range row {
		row[i] = p.safe(row[i])
	}
	if p.held = append(p.held, row); len(p.held) == maxHeld {
		return p.flush()
	}
	return nil
}

func (p *text) end(v *translation.Verdict, hint string) error {
	if err := p.flush(); err != nil {
		return err
	}
	out := ""
	if v.Result.Answers > 0 {
		out = "\n"
	}
	lines := p.sentences(v, p.place)
	if hint != "" {
		lines = append(lines, hint)
	}
	for _, line := range lines {
		line = p.safe(line)
		if p.width > 0 {
			line = cli.Wrapped(line, p.width)
		}
		out += line + "\n"
	}
	_, err := io.WriteString(p.w, out)
	return err
}

// safe escapes untrusted names, and converts to ASCII if the terminal needs it.
func (p *text) safe(s string) string {
	b := monitor.AppendMessage(nil, []byte(s))
	if p.ascii {
		b = exporttext.ASCII(b)
	}
	return string(b)
}

// flush prints the held answers, if there are any.
func (p *text) flush() error {
	if len(p.held) == 0 {
		return nil
	}
	var records strings.Builder
	rows := [][]string{p.heads()}
	for _, row := range p.held {
		records.WriteString(p.record(row))
		row[colInside], row[colNote] = p.paint(colInside, row[colInside]), p.paint(colNote, row[colNote])
		rows = append(rows, row)
	}
	p.held = p.held[:0]
	out := cli.Columns(withoutEmpty(rows), len(rows[0]), 0)
	wider := func(line string) bool { return ansi.StringWidth(line) > p.width }
	if p.width > 0 && slices.ContainsFunc(strings.Split(out, "\n"), wider) {
		out = records.String()
	}
	_, err := io.WriteString(p.w, out)
	return err
}

// withoutEmpty returns rows, of which the first are the heads, without the columns that are empty below their head.
func withoutEmpty(rows [][]string) [][]string {
	for i := len(rows[0]) - 1; i >= 0; i-- {
		if !slices.ContainsFunc(rows[1:], func(row []string) bool { return row[i] != "" }) {
			for r := range rows {
				rows[r] = slices.Delete(rows[r], i, i+1)
			}
		}
	}
	return rows
}

// record returns an answer as a few lines.
func (p *text) record(row []string) string {
	times := row[colSince] + " to " + row[colUntil]
	if !strings.HasPrefix(row[colUntil], "2") { // no time
		times = "since " + row[colSince] + ", " + row[colUntil]
	}
	parts := []string{times, "towards " + row[colPeer], row[colKind], row[colBytes]}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	const unbroken = "\u00a0" // lines break between the parts only
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], " ", unbroken)
	}
	all := strings.ReplaceAll(cli.Wrapped(strings.Join(parts, ", "), p.width-2), unbroken, " ")
	text := p.paint(colInside, row[colInside]) + " as " + row[colProto] + " " + row[colOutside] + "\n  " +
		strings.ReplaceAll(all, "\n", "\n  ") + "\n"
	if row[colNote] != "" {
		for line := range strings.Lines(cli.Wrapped(row[colNote], max(p.width-2, 20))) {
			text += "  " + p.paint(colNote, strings.TrimRight(line, "\n")) + "\n"
		}
	}
	return text
}

// paint colours the inside host and the doubts.
func (p *text) paint(column int, cell string) string {
	switch {
	case !p.colour || cell == "":
	case column == colInside:
		return "\x1b[1m" + cell + "\x1b[m"
	case column == colNote && strings.HasPrefix(cell, "uncertain"):
		return "\x1b[33m" + cell + "\x1b[m"
	}
	return cell
}
