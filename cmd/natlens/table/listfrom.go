package table

import (
	"errors"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/loop"
)

// replay lists the flows of the recording at a moment.
func (c *listConfig) replay(cmd *cobra.Command, con cli.Console) error {
	if c.filter.Sel.Kinds != 0 {
		return cli.Usagef("--event-mask asks for kinds of events: natlens watch has them")
	}
	if err := c.output.Check(); err != nil {
		return err
	}
	namespaces := new(monitor.Namespaces)
	c.output.Namespaces, c.filter.Env.Namespaces = namespaces, namespaces
	flows, err := c.from.FlowsAt(cmd, con, namespaces)
	if err != nil {
		return err
	}
	c.output.Recorded = true
	out, err := c.output.Open(con, nil)
	if err != nil {
		return err
	}
	m := &loop.Loop{Source: flows, Filter: c.filter.Compiled(), Sinks: []monitor.Sink{out.Sink}, Count: c.count}
	if err := errors.Join(m.Run(cmd.Context()), out.Close()); err != nil {
		return err
	}
	if !c.quiet {
		cli.TellDone(con, c.summary, m.Stats().Written, "flow", "shown")
	}
	return nil
}
