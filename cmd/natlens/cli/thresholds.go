package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"natlens/monitor/findings"
)

// ThresholdFlags are the thresholds of findings that a command line sets.
type ThresholdFlags struct {
	Texts  []string // NAME=VALUE, as they were given
	Values findings.Thresholds
}

// Register adds --threshold, with the defaults as values.
func (t *ThresholdFlags) Register(cmd *cobra.Command) {
	t.Values = findings.DefaultThresholds()
	read := func(text string) error {
		t.Texts = append(t.Texts, text)
		return t.Values.Set(text)
	}
	cmd.Flags().Var(Value{read, "NAME=VALUE"}, "threshold", "set a threshold of findings by `NAME=VALUE`, such as "+
		"syn-unanswered=20; may be repeated")
	InGroup(cmd.Flags(), GroupOutput, "threshold")
	MustComplete(cmd, "threshold", completeThreshold)
}

func completeThreshold(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	for _, t := range findings.AllThresholds() {
		if strings.HasPrefix(t.Name, typed) {
			all = append(all, cobra.CompletionWithDesc(t.Name+"="+t.Default, t.Means))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
