package table

import (
	"context"
	"fmt"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/doctor/probe"
)

// whyEmpty notes why the table of the one namespace that was listed has no flows.
func (o *listOptions) whyEmpty(ctx context.Context) {
	if o.flows.Capture.Every() {
		return
	}
	places := probe.Places{Sudo: cli.Sudo()}
	_ = o.flows.Capture.Each(ctx, o.con.Refused, func(_ monitor.Namespace, fd int) error {
		s, err := probe.Quiet(ctx, fd, places.At(o.flows.Capture.Netns))
		if err != nil || s.Fill.End > 0 {
			return nil // doctor reports what cannot be read
		}
		if reason, command := doctor.Quiet(s); command != "" {
			fmt.Fprintf(o.con.Stderr, "natlens: the table is empty: %s → %s\n", reason, command)
		}
		return nil
	})
}
