package who

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/translation"
)

// The columns of an answer.
const (
	colInside = iota
	colProto
	colOutside
	colSince
	colUntil
	colPeer
	colKind
	colBytes
	colNote
)

// answers turns answers into cells for people, and counts them.
type answers struct {
	loc *time.Location // of all times

	zone      string   // time zone of the columns SINCE and UNTIL
	hosts     []string // inside hosts, in the order of their first answers
	moreHosts bool     // there are more than maxHosts
	uncertain int
}

// maxHosts is the maximum number of inside hosts that are counted.
const maxHosts = 1000

// heads returns the heads of the columns. Call it after the first answer.
func (p *answers) heads() []string {
	return []string{"INSIDE", "PROTO", "OUTSIDE", "SINCE (" + p.zone + ")", "UNTIL", "TOWARDS", "KIND", "BYTES", ""}
}

// cells counts an answer and returns its cells.
func (p *answers) cells(a *translation.Answer) []string {
	p.count(a)
	if p.zone == "" {
		p.zone = p.zoneOf(a.Start)
	}
	since := p.time(a.Start)
	if a.Doubt&translation.BeganBefore != 0 {
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
	end := func(e translation.End) string { return endText(a.Proto, e) }
	return []string{
		end(a.Inside(a.Side)), a.Proto.String(), end(a.Outside(a.Side)), since, until,
		end(a.Peer(a.Side)), a.NAT.String(), bytes, noteText(a),
	}
}

func (p *answers) count(a *translation.Answer) {
	host := a.Inside(a.Side).Addr.String()
	if a.Namespace != "" {
		host += " in " + a.Namespace
	}
	switch {
	case slices.Contains(p.hosts, host):
	case len(p.hosts) < maxHosts:
		p.hosts = append(p.hosts, host)
	default:
		p.moreHosts = true
	}
	if a.Uncertain() {
		p.uncertain++
	}
}

// time returns a time for a cell, with its zone if that is not the column's.
func (p *answers) time(t monitor.Time) string {
	text := p.moment(t)
	if zone := p.zoneOf(t); zone != p.zone {
		text += " " + zone
	}
	return text
}

// noteText returns the remarks about an answer.
func noteText(a *translation.Answer) string {
	var notes []string
	if why := doubtText(a.Doubt); why != "" {
		notes = append(notes, "uncertain: "+why)
	}
	if a.Reason != translation.StillOpen && a.Reason != translation.Destroyed {
		notes = append(notes, a.Reason.String())
	}
	if a.Zone != 0 {
		notes = append(notes, fmt.Sprintf("zone %d", a.Zone))
	}
	if a.Namespace != "" {
		notes = append(notes, "in "+a.Namespace)
	}
	if a.Local != nil {
		notes = append(notes, a.Local.String())
	}
	return strings.Join(notes, "; ")
}

// doubtText returns why an answer is uncertain.
func doubtText(d translation.Doubt) string {
	var words []string
	for i, text := range [...]string{"began in a gap", "ended in a gap", "a gap during its life",
		"not captured all the time"} {
		if d&(translation.BeganInGap<<i) != 0 {
			words = append(words, text)
		}
	}
	return strings.Join(words, ", ")
}

// endText returns an address with its port, ICMP id or GRE key.
func endText(p monitor.Proto, e translation.End) string {
	switch {
	case p.HasPorts() || !e.HasPort:
		return e.String()
	case p == monitor.GRE:
		return fmt.Sprintf("%s key %#x", e.Addr, e.Port)
	}
	return fmt.Sprintf("%s id %d", e.Addr, e.Port)
}

// zoneOf returns the name of the time zone at that time.
func (p *answers) zoneOf(t monitor.Time) string { return t.Time().In(p.loc).Format("MST") }

// moment returns date and time of day with milliseconds.
func (p *answers) moment(t monitor.Time) string {
	return t.Time().In(p.loc).Format("2006-01-02 15:04:05.000")
}

// jsonPrinter prints JSON. With lines it prints a line for each answer and one
// for the verdict; without, one object. docs/who.md has their fields.
type jsonPrinter struct {
	w         io.Writer
	lines     bool
	gateway   monitor.Gateway // of each line; "": none
	rows      []translation.Row
	uncertain int
}

func (p *jsonPrinter) add(a *translation.Answer) error {
	if a.Uncertain() {
		p.uncertain++
	}
	row := translation.NewRow(a)
	row.Gateway = p.gateway
	if p.lines {
		return p.write(row)
	}
	p.rows = append(p.rows, row)
	return nil
}

func (p *jsonPrinter) end(v *translation.Verdict, _ string) error {
	row := translation.NewVerdictRow(v, p.uncertain)
	row.Translations, row.Gateway = p.rows, p.gateway
	return p.write(row)
}

func (p *jsonPrinter) write(v any) error {
	_, err := p.w.Write(monitor.JSONLine(v))
	return err
}
