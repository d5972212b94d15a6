//go:build linux

package doctor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/doctor"
)

// marks are printed before a check, by level.
var marks = map[doctor.Level]struct{ mark, colour string }{
	doctor.OK:   {"✓", "\x1b[32m"},
	doctor.Warn: {"!", "\x1b[33m"},
	doctor.Fail: {"✗", "\x1b[1;31m"},
	doctor.Skip: {"-", "\x1b[2m"},
}

// indent is the column of the text of checks.
const indent = 22

// text returns a line for each check and finding: its mark, its name, the result, and after an
// arrow the command that fixes it. On a terminal lines are wrapped below the text.
func (e *examined) text(con cli.Console) (b []byte) {
	width, _ := cli.Terminal(con.Stdout)
	colour := con.Colour(con.Stdout)
	for _, c := range e.lines() {
		mark := marks[c.Level].mark
		if colour {
			mark = marks[c.Level].colour + mark + "\x1b[m"
		}
		text := c.Text
		if c.Command != "" {
			text += " → " + c.Command
		}
		text = string(monitor.AppendMessage(nil, []byte(text))) // names of namespaces
		if width > indent+20 {
			text = strings.ReplaceAll(ansi.Wrap(text, width-indent, ""), "\n", "\n"+strings.Repeat(" ", indent))
		}
		b = fmt.Appendf(b, "%s %-*s %s\n", mark, indent-3, c.ID, text)
	}
	return b
}

// findings returns the findings as checks, or one check if there are none.
func (e *examined) findings() (lines []doctor.Check) {
	if e.all[0].Snapshot.Denied != "" {
		return nil
	}
	if len(e.found) == 0 {
		return []doctor.Check{{ID: "findings", Text: "nothing is wrong with the traffic of " +
			e.span().Round(100*time.Millisecond).String()}}
	}
	for i := range e.found {
		f := &e.found[i]
		lines = append(lines, doctor.Check{
			ID: f.Rule, Level: max(levelOf(f), doctor.Warn), Text: f.Text, Command: f.Command,
		})
	}
	return lines
}

// lines returns the checks and findings, with the counters' names without their prefix.
// Counters without a problem are one line, and so are checks that were skipped for the same
// reason. Those lines are the last.
func (e *examined) lines() (lines []doctor.Check) {
	var skipped []doctor.Check
	var good []string
	for _, c := range slices.Concat(e.checks, e.findings()) {
		name, isCounter := strings.CutPrefix(c.ID, "counter.")
		c.ID = name
		switch at := slices.IndexFunc(skipped, func(s doctor.Check) bool { return s.Text == c.Text }); {
		case c.Level == doctor.Skip && at >= 0:
			skipped[at].ID += ", " + name
		case c.Level == doctor.Skip:
			skipped = append(skipped, c)
		case !isCounter || c.Level != doctor.OK:
			lines = append(lines, c)
		default:
			if n, ok := c.Evidence["moved"].(uint64); ok && n > 0 {
				name += fmt.Sprintf(" +%d", n)
			}
			good = append(good, name)
		}
	}
	if good != nil {
		lines = append(lines, doctor.Check{ID: "counters", Text: "no problem: " + strings.Join(good, ", ")})
	}
	for _, c := range skipped {
		if strings.Contains(c.ID, ", ") {
			c.ID, c.Text = "others", fmt.Sprintf("%s (%s)", c.Text, c.ID)
		}
		lines = append(lines, c)
	}
	return lines
}

type finding struct {
	Rule     string           `json:"rule"`
	Severity monitor.Severity `json:"severity"`
	Subject  string           `json:"subject"`
	NetNS    string           `json:"netns,omitempty"`
	Text     string           `json:"text"`
	Why      string           `json:"why"`
	Filter   string           `json:"filter"`
	Command  string           `json:"command"`
	Flows    uint64           `json:"flows,omitempty"`
	Figures  json.RawMessage  `json:"figures"`
}

func (e *examined) json() []byte {
	out := struct {
		V        int            `json:"v"`
		Verdict  doctor.Level   `json:"verdict"`
		Seconds  float64        `json:"seconds"`
		Checks   []doctor.Check `json:"checks"`
		Findings []finding      `json:"findings"`
	}{V: 1, Verdict: worst(e.checks, e.found), Seconds: e.span().Seconds(), Checks: e.checks, Findings: []finding{}}
	for i := range e.found {
		f := &e.found[i]
		out.Findings = append(out.Findings, finding{
			f.Rule, f.Severity, f.Subject, e.name(f.NetNS), f.Text, f.Why, f.Filter, f.Command, f.Flows,
			monitor.MarshalFigures(f.Figures),
		})
	}
	return monitor.JSONLine(out)
}
