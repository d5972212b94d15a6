package cli

import (
	"fmt"

	"natlens/monitor/findings"
)

// FindingsTopic is the page about findings: the rules and the thresholds.
var FindingsTopic = Topic{
	Name:  "findings",
	Short: "The rules of findings, and their thresholds",
	Long: `A finding reports something that is wrong with the traffic of a gateway. Rules check the flow table and
the stream of events, and every flow, whatever the filter selects. A finding appears when its count reaches the
threshold. It is cleared when its count was below half of the threshold twice in a row.

  natlens watch --findings
  natlens watch --findings -o jsonl false
  natlens watch --findings --threshold syn-unanswered=50 --threshold window=30s
  natlens doctor --for 30s

Severity: with info no connection fails. With warn some connections fail, or will soon. With fail connections fail now.`,
	Tables: func() []Table {
		rules := Table{Heading: "Rules"}
		for _, r := range findings.Rules() {
			rules.Rows = append(rules.Rows, [2]string{r.ID, fmt.Sprintf("%s %s (%s)", r.Means, r.Why, r.Severity)})
		}
		thresholds := Table{Heading: "Values of --threshold, with the defaults"}
		for _, t := range findings.AllThresholds() {
			thresholds.Rows = append(thresholds.Rows, [2]string{t.Name + "=" + t.Default, t.Means})
		}
		return []Table{rules, thresholds}
	},
}
