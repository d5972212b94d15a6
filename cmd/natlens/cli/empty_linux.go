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

// WhyUncounted prints that the kernel does not count the bytes of flows, in which namespaces of
// --netns, and the command that changes it. If all count and counted, the number of flows with
// counters, is 0, it prints why.
func (c *CaptureFlags) WhyUncounted(ctx context.Context, con Console, counted uint64) {
	reason, command, places := "", "", probe.Places{Sudo: Sudo()}
	var in []string
	err := c.Each(ctx, func(error) {}, func(n monitor.Namespace, fd int) error {
		s := &doctor.Snapshot{Place: places.At(c.Netns)}
		if c.Every() {
			s.Place = places.Of(n)
		}
		err := probe.Settings(s, fd)
		if why, fix := doctor.Uncounted(s); why != "" {
			if reason == "" {
				reason, command = why, fix
			}
			if n.Name != "" {
				in = append(in, n.Name)
			}
		}
		return err
	})
	switch {
	case err != nil:
	case reason != "":
		fmt.Fprintf(con.Stderr, "natlens: %s → %s\n", doctor.InNamespaces(in, reason), command)
	case counted == 0:
		fmt.Fprintf(con.Stderr, "natlens: these flows have no counters: they began before nf_conntrack_acct was 1\n")
	}
}
