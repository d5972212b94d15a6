package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/human"
)

// whoText prints answers for people: a table that is aligned, or where that does
// not fit the terminal a few short lines an answer. The first answers are held
// back, so that their widths are known.
type whoText struct {
	w      io.Writer
	width  int // of the terminal; 0: as wide as it gets
	colour bool
	name   string
	clock  clockText

	held     [][]string // rows whose widths are not settled yet
	widths   []int
	zone     string // that SINCE and UNTIL are in
	narrow   bool
	settled  bool
	err      error
	hosts    []string // inside hosts, in the order of their first answer
	more     bool     // there are more of them
	doubtful int
}

const (
	whoHeld  = 500 // answers that are held back
	whoHosts = 1000
)

var whoHeads = []string{"INSIDE", "PROTO", "OUTSIDE", "SINCE", "UNTIL", "TOWARDS", "KIND", "BYTES", ""}

// The columns of whoHeads.
const (
	whoInside = iota
	whoProto
	whoOutside
	whoSince
	whoUntil
	whoPeer
	whoKind
	whoBytes
	whoNote
)

func newWhoText(con cli.Console, name string) *whoText {
	width, _ := cli.Terminal(con.Stdout)
	return &whoText{w: con.Stdout, width: width, colour: con.Colour(con.Stdout), name: name, clock: clockText{time.Local}}
}

// count takes an answer into the sums.
func (p *whoText) count(a *history.Answer) {
	host := a.Inside(a.Side).Addr.String()
	if a.Namespace != "" {
		host += " in " + monitor.Escape(a.Namespace)
	}
	if !slices.Contains(p.hosts, host) {
		if len(p.hosts) < whoHosts {
			p.hosts = append(p.hosts, host)
		} else {
			p.more = true
		}
	}
	if uncertain(a) {
		p.doubtful++
	}
}

// add takes one answer.
func (p *whoText) add(a *history.Answer) error {
	p.count(a)
	row := p.row(a)
	if p.settled {
		p.print(row)
	} else if p.held = append(p.held, row); len(p.held) == whoHeld {
		p.settle()
	}
	return p.err
}

// row writes the cells of an answer.
func (p *whoText) row(a *history.Answer) []string {
	if p.zone == "" {
		p.zone = p.clock.zone(a.Start)
	}
	since := p.time(a.Start)
	if a.Doubt&history.BeganBefore != 0 {
		since = "before " + since
	}
	until := p.time(a.End)
	switch {
	case a.End == 0 && a.Live:
		until = "still open"
	case a.End == 0:
		until = "open at the end"
	}
	bytes := ""
	if a.Counted {
		bytes = "↑" + human.Bytes(a.Original.Bytes) + " ↓" + human.Bytes(a.Reply.Bytes)
	}
	var notes []string
	if why := doubtText(a.Doubt); why != "" {
		notes = append(notes, "uncertain: "+why)
	}
	if a.Reason != history.StillOpen && a.Reason != history.Destroyed {
		notes = append(notes, a.Reason.String())
	}
	if a.Zone != 0 {
		notes = append(notes, fmt.Sprintf("zone %d", a.Zone))
	}
	if a.Namespace != "" {
		notes = append(notes, "in "+monitor.Escape(a.Namespace))
	}
	return []string{endText(a.Proto, a.Inside(a.Side)), a.Proto.String(), endText(a.Proto, a.Outside(a.Side)), since, until,
		endText(a.Proto, a.Peer(a.Side)), a.NAT.String(), bytes, strings.Join(notes, "; ")}
}

// time is a moment in a cell, with its zone where that is not the column's.
func (p *whoText) time(t monitor.Time) string {
	text := p.clock.time(t)
	if zone := p.clock.zone(t); zone != p.zone {
		text += " " + zone
	}
	return text
}

// uncertain reports whether the answer may be wrong. That it began before the
// capture did says nothing against it.
func uncertain(a *history.Answer) bool { return a.Doubt&^history.BeganBefore != 0 }

// doubtText says what makes an answer uncertain.
func doubtText(d history.Doubt) string {
	var words []string
	for _, one := range []struct {
		bit  history.Doubt
		text string
	}{
		{history.BeganInGap, "began in a gap"},
		{history.EndedInGap, "ended in a gap"},
		{history.TouchedByGap, "a gap within"},
		{history.TouchedByRestart, "not captured all the time"},
	} {
		if d&one.bit != 0 {
			words = append(words, one.text)
		}
	}
	return strings.Join(words, ", ")
}

// endText is an address with what the protocol has for a port.
func endText(p monitor.Proto, e monitor.Endpoint) string {
	switch {
	case p.HasPorts() && e.Addr.Is4():
		return fmt.Sprintf("%s:%d", e.Addr, e.Port)
	case p.HasPorts():
		return fmt.Sprintf("[%s]:%d", e.Addr, e.Port)
	case p.IsICMP() && e.Port != 0:
		return fmt.Sprintf("%s id %d", e.Addr, e.Port)
	case p == monitor.GRE && e.Port != 0:
		return fmt.Sprintf("%s key %#x", e.Addr, e.Port)
	}
	return e.Addr.String()
}

// heads are the heads of the columns.
func (p *whoText) heads() []string {
	heads := slices.Clone(whoHeads)
	heads[whoSince] += " (" + p.zone + ")"
	return heads
}

// settle fixes the widths by the rows that were held back, and prints those.
func (p *whoText) settle() {
	p.settled = true
	if len(p.held) == 0 {
		return
	}
	p.widths = make([]int, len(whoHeads))
	heads := p.heads()
	for _, row := range append([][]string{heads}, p.held...) {
		for i, cell := range row {
			p.widths[i] = max(p.widths[i], ansi.StringWidth(cell))
		}
	}
	total := 0
	for i, w := range p.widths {
		if p.empty(i) {
			p.widths[i] = 0
		} else {
			total += w + 2
		}
	}
	p.narrow = p.width > 0 && total-2 > p.width
	if !p.narrow {
		for i, w := range p.widths {
			if w == 0 {
				heads[i] = ""
			}
		}
		p.print(heads)
	}
	for _, row := range p.held {
		p.print(row)
	}
	p.held = nil
}

// empty reports whether no row that is held back has anything in the column.
func (p *whoText) empty(column int) bool {
	return !slices.ContainsFunc(p.held, func(row []string) bool { return row[column] != "" })
}

func (p *whoText) print(row []string) {
	text := p.line(row)
	if p.narrow {
		text = p.record(row)
	}
	if p.err == nil {
		_, p.err = io.WriteString(p.w, text)
	}
}

// line is a row of the table.
func (p *whoText) line(row []string) string {
	var b strings.Builder
	for i, cell := range row {
		if p.widths[i] == 0 && cell == "" {
			continue
		}
		b.WriteString(p.paint(i, cell) + strings.Repeat(" ", max(p.widths[i]-ansi.StringWidth(cell), 0)+2))
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// record is a row as lines of its own.
func (p *whoText) record(row []string) string {
	times := []string{row[whoSince], "to", row[whoUntil]}
	if !strings.HasPrefix(row[whoUntil], "2") { // no time
		times = []string{"since", row[whoSince] + ",", row[whoUntil]}
	}
	parts := []string{strings.Join(times, " "), "towards " + row[whoPeer], row[whoKind], row[whoBytes]}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	text := p.paint(whoInside, row[whoInside]) + " as " + row[whoProto] + " " + row[whoOutside] + "\n"
	text += indented(listed(parts, p.width-2))
	if row[whoNote] != "" {
		for line := range strings.Lines(cli.Wrapped(row[whoNote], max(p.width-2, 20))) {
			text += "  " + p.paint(whoNote, strings.TrimRight(line, "\n")) + "\n"
		}
	}
	return text
}

// listed writes parts with commas between them, in lines that break between two.
func listed(parts []string, width int) (text string) {
	room := width
	for i, part := range parts {
		if i < len(parts)-1 {
			part += ","
		}
		w := ansi.StringWidth(part)
		switch {
		case i == 0:
		case w+1 > room:
			text += "\n"
			room = width
		default:
			text += " "
			room--
		}
		text += part
		room -= w
	}
	return text
}

// indented indents each line.
func indented(text string) (out string) {
	for line := range strings.Lines(text) {
		out += "  " + strings.TrimRight(line, "\n") + "\n"
	}
	return out
}

// paint colours what a reader looks for first.
func (p *whoText) paint(column int, cell string) string {
	switch {
	case !p.colour || cell == "":
	case column == whoInside && cell != whoHeads[whoInside]:
		return "\x1b[1m" + cell + "\x1b[m"
	case column == whoNote && strings.HasPrefix(cell, "uncertain"):
		return "\x1b[33m" + cell + "\x1b[m"
	}
	return cell
}

// end prints the verdict.
func (p *whoText) end(v *verdict) error {
	if !p.settled {
		p.settle()
	}
	text := ""
	if v.answers > 0 {
		text = "\n"
	}
	for _, line := range v.lines(p.hosts, p.more, p.doubtful, p.name, p.clock) {
		if p.width > 0 {
			line = cli.Wrapped(line, p.width)
		}
		text += line + "\n"
	}
	if p.err == nil {
		_, p.err = io.WriteString(p.w, text)
	}
	return p.err
}
