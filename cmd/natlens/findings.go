package main

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

// findingsConfig says whether a stream tells of findings.
type findingsConfig struct {
	on         bool
	thresholds cli.ThresholdFlags
}

func (c *findingsConfig) Register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.on, "findings", false, "tell also what is wrong with the traffic: rules over the flows and the stream, as docs/findings.md lists them")
	cli.InGroup(cmd.Flags(), cli.GroupOutput, "findings")
	c.thresholds.Register(cmd)
}

// Check refuses what makes no sense together: rules need all that is told of a
// flow.
func (c *findingsConfig) Check(remembers bool, all bool) error {
	switch {
	case !c.on && c.thresholds.Texts != nil:
		return cli.Usagef("--threshold needs --findings")
	case c.on && !(remembers && all):
		return cli.Usagef("--findings needs every event of a flow: not with --resync off, nor with -e, which event in a filter does instead")
	}
	return nil
}
