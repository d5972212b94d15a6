//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/doctor"
)

// marks stand before a check, by its level.
var marks = map[doctor.Level]struct{ mark, colour string }{
	doctor.OK:   {"✓", "\x1b[32m"},
	doctor.Warn: {"!", "\x1b[33m"},
	doctor.Fail: {"✗", "\x1b[1;31m"},
	doctor.Skip: {"-", "\x1b[2m"},
}

// doctorText writes a line a check: its mark, its name, what was found, and after
// an arrow what mends it. On a terminal lines are wrapped under the text.
func doctorText(con cli.Console, all []doctor.Check) (b []byte) {
	width, _ := cli.Terminal(con.Stdout)
	colour := con.Colour(con.Stdout)
	for _, c := range skippedTogether(stillTogether(all)) {
		name := strings.TrimPrefix(c.ID, "counter.")
		mark := marks[c.Level].mark
		if colour {
			mark = marks[c.Level].colour + mark + "\x1b[m"
		}
		b = fmt.Appendf(b, "%s %-*s ", mark, doctorIndent-3, name)
		text := c.Text
		if c.Command != "" {
			text += " → " + c.Command
		}
		if width > doctorIndent+20 {
			text = strings.ReplaceAll(ansi.Wrap(text, width-doctorIndent, ""), "\n", "\n"+strings.Repeat(" ", doctorIndent))
		}
		b = append(append(b, text...), '\n')
	}
	return b
}

// doctorIndent is the column of the text of checks.
const doctorIndent = 22

// stillTogether makes one line of the counters that are well.
func stillTogether(all []doctor.Check) (lines []doctor.Check) {
	var names []string
	for _, c := range all {
		if name, ok := strings.CutPrefix(c.ID, "counter."); ok && c.Level == doctor.OK {
			if e, ok := c.Evidence["moved"].(uint64); ok && e > 0 {
				name += fmt.Sprintf(" +%d", e)
			}
			names = append(names, name)
			continue
		}
		lines = append(lines, c)
	}
	if names == nil {
		return lines
	}
	return append(lines, doctor.Check{ID: "counters", Text: "nothing to worry about: " + strings.Join(names, ", ")})
}

// skippedTogether makes one line, behind the others, of the checks that were not
// made for the same reason.
func skippedTogether(all []doctor.Check) (lines []doctor.Check) {
	var skipped []doctor.Check
	for _, c := range all {
		if c.Level != doctor.Skip {
			lines = append(lines, c)
			continue
		}
		c.ID = strings.TrimPrefix(c.ID, "counter.")
		at := slices.IndexFunc(skipped, func(s doctor.Check) bool { return s.Text == c.Text })
		if at < 0 {
			skipped = append(skipped, c)
		} else {
			skipped[at].ID += ", " + c.ID
		}
	}
	for _, c := range skipped {
		if strings.Contains(c.ID, ", ") {
			c.ID, c.Text = "others", fmt.Sprintf("%s (%s)", c.Text, c.ID)
		}
		lines = append(lines, c)
	}
	return lines
}

// doctorJSON writes one object, as docs/doctor.md says.
func doctorJSON(s *doctor.Snapshot, all []doctor.Check, found []monitor.Finding) []byte {
	out := struct {
		V        int            `json:"v"`
		Verdict  doctor.Level   `json:"verdict"`
		Seconds  float64        `json:"seconds"`
		Checks   []doctor.Check `json:"checks"`
		Findings []jsonFinding  `json:"findings"`
	}{1, worst(all, found), s.Look.Seconds(), all, jsonFindings(found)}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // commands are to be read
	if err := enc.Encode(out); err != nil {
		panic(err) // numbers and text only
	}
	return []byte(b.String())
}
