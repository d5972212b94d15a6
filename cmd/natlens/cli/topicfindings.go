package cli

import (
	"fmt"

	"natlens/monitor/findings"
)

// FindingsTopic is the page about findings: the rules and the thresholds.
var FindingsTopic = Topic{
	Name:  "findings",
	Short: "The rules that findings come from, and their thresholds",
	Long: `Rules check the flow table and the stream of events and report what is wrong with the traffic of a
gateway. They see every flow, whatever the filter selects. A finding appears when its threshold is reached, and is
cleared when its count was below half of that twice in a row.

  natlens watch --findings
  natlens watch --findings -o jsonl false
  natlens watch --findings --threshold syn-unanswered=50 --threshold window=30s
  natlens doctor --for 30s

The severity info is worth knowing. With warn some connections fail or soon will, with fail they fail now.`,
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
