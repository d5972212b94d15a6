package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
	cmd.Flags().Var(t, "threshold", "set a threshold of findings, such as syn-unanswered=20; may be repeated: "+
		"`NAME=VALUE`")
	InGroup(cmd.Flags(), GroupOutput, "threshold")
	MustComplete(cmd, "threshold", completeThreshold)
}

var _ pflag.Value = (*ThresholdFlags)(nil)

// Set takes one NAME=VALUE.
func (t *ThresholdFlags) Set(text string) error {
	if err := t.Values.Set(text); err != nil {
		return err
	}
	t.Texts = append(t.Texts, text)
	return nil
}

// String returns what was set.
func (t *ThresholdFlags) String() string { return strings.Join(t.Texts, " ") }

// Type is what help calls the value.
func (*ThresholdFlags) Type() string { return "NAME=VALUE" }

// completeThreshold offers the names with their defaults.
func completeThreshold(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	for _, t := range findings.AllThresholds() {
		if strings.HasPrefix(t.Name, typed) {
			all = append(all, cobra.CompletionWithDesc(t.Name+"="+t.Default, t.Means))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
