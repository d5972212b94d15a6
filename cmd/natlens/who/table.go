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

// text prints answers for people: a table, or a few short lines for each answer if the table is
// wider than the terminal. It delays the first answers until the widths are known.
type text struct {
	answers
	w      io.Writer
	width  int // of the terminal; 0: no limit
	colour bool
	ascii  bool
	place  string

	held   [][]string
	widths []int // of the columns, once they are fixed
	narrow bool
}

// maxHeld is how many answers are delayed.
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
	if p.widths != nil {
		return p.print(row)
	}
	if p.held = append(p.held, row); len(p.held) == maxHeld {
		return p.settle()
	}
	return nil
}

func (p *text) end(v *translation.Verdict, hint string) error {
	if err := p.settle(); err != nil {
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

// settle sets the widths from the delayed answers, if there are any, and prints these.
func (p *text) settle() error {
	if len(p.held) == 0 {
		return nil
	}
	heads := p.heads()
	p.widths = make([]int, len(heads))
	total := -2
	for i := range heads {
		if !slices.ContainsFunc(p.held, func(row []string) bool { return row[i] != "" }) {
			heads[i] = "" // an empty column
			continue
		}
		p.widths[i] = ansi.StringWidth(heads[i])
		for _, row := range p.held {
			p.widths[i] = max(p.widths[i], ansi.StringWidth(row[i]))
		}
		total += p.widths[i] + 2
	}
	all := p.held
	p.held = nil
	if p.narrow = p.width > 0 && total > p.width; !p.narrow {
		all = slices.Insert(all, 0, heads)
	}
	for _, row := range all {
		if err := p.print(row); err != nil {
			return err
		}
	}
	return nil
}

func (p *text) print(row []string) error {
	text := p.line
	if p.narrow {
		text = p.record
	}
	_, err := io.WriteString(p.w, text(row))
	return err
}

// line returns an answer as a line of the table.
func (p *text) line(row []string) string {
	var b strings.Builder
	for i, cell := range row {
		if p.widths[i] > 0 || cell != "" {
			b.WriteString(p.paint(i, cell) + strings.Repeat(" ", max(p.widths[i]-ansi.StringWidth(cell), 0)+2))
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// record returns an answer as a few lines.
func (p *text) record(row []string) string {
	times := row[colSince] + " to " + row[colUntil]
	if !strings.HasPrefix(row[colUntil], "2") { // no time
		times = "since " + row[colSince] + ", " + row[colUntil]
	}
	parts := []string{times, "towards " + row[colPeer], row[colKind], row[colBytes]}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	text := p.paint(colInside, row[colInside]) + " as " + row[colProto] + " " + row[colOutside] + "\n"
	for _, line := range listed(parts, p.width-2) {
		text += "  " + line + "\n"
	}
	if row[colNote] != "" {
		for line := range strings.Lines(cli.Wrapped(row[colNote], max(p.width-2, 20))) {
			text += "  " + p.paint(colNote, strings.TrimRight(line, "\n")) + "\n"
		}
	}
	return text
}

// listed joins parts with commas, in lines that break between parts.
func listed(parts []string, width int) (lines []string) {
	for i, part := range parts {
		if i < len(parts)-1 {
			part += ","
		}
		last := len(lines) - 1
		if last >= 0 && ansi.StringWidth(lines[last])+1+ansi.StringWidth(part) <= width {
			lines[last] += " " + part
		} else {
			lines = append(lines, part)
		}
	}
	return lines
}

// paint colours the inside host and the doubts.
func (p *text) paint(column int, cell string) string {
	switch {
	case !p.colour || cell == "":
	case column == colInside && cell != "INSIDE":
		return "\x1b[1m" + cell + "\x1b[m"
	case column == colNote && strings.HasPrefix(cell, "uncertain"):
		return "\x1b[33m" + cell + "\x1b[m"
	}
	return cell
}
