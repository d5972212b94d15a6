package main

import (
	"fmt"
	"strings"

	"natlens/cmd/natlens/cli"
)

// roffPage is a page in the macros of groff_man(7), which man(1) of groff and of
// mandoc both render. Builds of the same sources make equal pages.
type roffPage struct {
	strings.Builder
	headed bool // a heading has begun the paragraph
}

// paragraph begins one.
func (p *roffPage) paragraph() {
	if !p.headed {
		p.WriteString(".PP\n")
	}
	p.headed = false
}

// title begins the page: name and section, and what stands in the footer, of which
// the date may be "".
func (p *roffPage) title(name string, section int, date, footer string) {
	fmt.Fprintf(p, ".TH %s %d \"%s\" \"%s\"\n", roffText(strings.ToUpper(name)), section, date, roffText(footer))
	p.WriteString(".nh\n.ad l\n") // words of commands stay whole
}

func (p *roffPage) section(heading string) {
	fmt.Fprintf(p, ".SH \"%s\"\n", roffText(heading))
	p.headed = true
}

func (p *roffPage) subsection(heading string) {
	fmt.Fprintf(p, ".SS \"%s\"\n", roffText(heading))
	p.headed = true
}

// Text writes paragraphs, which blank lines separate. One that is indented is an
// example.
func (p *roffPage) Text(text string) {
	for paragraph := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		switch {
		case strings.HasPrefix(paragraph, " "):
			p.example(paragraph)
		case paragraph != "":
			p.paragraph()
			fmt.Fprintf(p, "%s\n", roffText(paragraph))
		}
	}
}

// example writes lines as they are, but for the indentation that is common to
// them.
func (p *roffPage) example(lines string) {
	lines = strings.Trim(lines, "\n")
	indent := len(lines) - len(strings.TrimLeft(lines, " "))
	p.paragraph()
	p.WriteString(".EX\n")
	for line := range strings.SplitSeq(lines, "\n") {
		fmt.Fprintf(p, "%s\n", roffText(line[min(indent, len(line)-len(strings.TrimLeft(line, " "))):]))
	}
	p.WriteString(".EE\n")
}

// item writes a term, in roff already, and what it means.
func (p *roffPage) item(term, meaning string) {
	p.headed = false
	fmt.Fprintf(p, ".TP\n%s\n%s\n", term, roffText(meaning))
}

// table writes words, bold, and what they mean.
func (p *roffPage) table(t cli.Table) {
	if t.Before != "" {
		p.Text(t.Before)
	}
	p.paragraph()
	p.WriteString(".PD 0\n")
	for _, row := range t.Rows {
		fmt.Fprintf(p, ".TP 20\n%s\n%s\n", bold(strings.TrimSpace(row[0])), roffText(row[1]))
	}
	p.WriteString(".PD\n")
}

func bold(text string) string   { return `\fB` + roffText(text) + `\fR` }
func italic(text string) string { return `\fI` + roffText(text) + `\fR` }

// roffMarks writes what roff would take for its own. A hyphen becomes the one that
// can be searched for and pasted into a shell.
var roffMarks = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`, `"`, `\(dq`, `…`, `...`)

// roffText writes text as roff, in ASCII; no line of it is a request.
func roffText(text string) string {
	var b strings.Builder
	for _, r := range roffMarks.Replace(text) {
		if r > '~' {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		} else {
			b.WriteRune(r)
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
