package explain

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
)

// replay draws the flows of the recording at a moment.
func (c *explainConfig) replay(cmd *cobra.Command, con cli.Console) error {
	c.filter.Env.Namespaces = new(monitor.Namespaces)
	flows, err := c.from.FlowsAt(cmd, con, c.filter.Env.Namespaces)
	if err != nil {
		return err
	}
	return c.explain(cmd.Context(), con, flows, nil, "no flow of the recording was there then")
}
