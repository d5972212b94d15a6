package cli

import (
	"context"
	"fmt"

	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/doctor/probe"
)

// WhyEmpty prints why the tables of the namespaces of --netns have no flows, and a command that
// helps. It prints nothing if one of them has flows, or cannot be read.
func (c *CaptureFlags) WhyEmpty(ctx context.Context, con Console) {
	reason, command, places := "", "", probe.Places{Sudo: Sudo()}
	flows := uint64(0)
	err := c.Each(ctx, func(error) {}, func(_ monitor.Namespace, fd int) error {
		s, err := probe.Quiet(ctx, fd, places.At(c.Netns))
		if err != nil {
			return err // doctor reports what cannot be read
		}
		flows += s.Fill.End
		reason, command = doctor.Quiet(s)
		return nil
	})
	what := "the table is empty"
	if c.Every() {
		what, reason = "all tables are empty", "this shows which network namespaces track connections"
		command = places.Here().Natlens("stats", "--netns", EveryNetNS)
	}
	if err == nil && flows == 0 && command != "" {
		fmt.Fprintf(con.Stderr, "natlens: %s: %s → %s\n", what, reason, command)
	}
}
