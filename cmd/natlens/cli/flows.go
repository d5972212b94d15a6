package cli

import (
	"iter"

	"github.com/spf13/cobra"

	"natlens/monitor"
	"natlens/monitor/kernel"
)

// FlowFlags say which flows a command reads: those of the kernel's table, in one network
// namespace or in all, or those of a recording at a given time.
type FlowFlags struct {
	Capture CaptureFlags
	From    FromFlags

	names *monitor.Namespaces // the same for each reading
}

// Register adds --netns, --from and --at.
func (c *FlowFlags) Register(cmd *cobra.Command) {
	c.Capture.RegisterNetNS(cmd)
	c.Capture.AllowEvery(cmd)
	c.From.Register(cmd)
	c.From.registerAt(cmd)
}

// Flows returns the flows with their paths through the host, and the names of their namespaces (nil: there is one).
// Several calls give a namespace the same number. // cfg is for the kernel only.
func (c *FlowFlags) Flows(cmd *cobra.Command, con Console, cfg kernel.DumpConfig) (iter.Seq2[*monitor.Batch, error],
	*monitor.Namespaces, error) {
	if !c.From.Given() {
		if c.names == nil {
			c.names = c.Capture.Namespaces()
		}
		return c.Capture.Flows(cmd.Context(), con.Refused, cfg, c.names), c.names, nil
	}
	names := new(monitor.Namespaces)
	flows, err := c.From.flowsAt(cmd, con, names)
	return flows, names, err
}
