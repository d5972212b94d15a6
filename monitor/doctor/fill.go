package doctor

import (
	"fmt"
	"strings"
	"time"

	"natlens/monitor/human"
)

// table is about how full the table is.
func table(s *Snapshot, l Limits) Check {
	const id = "table"
	if s.Denied != "" {
		return skipped(id, unprivileged)
	}
	f := &s.Fill
	c := Check{ID: id, Evidence: map[string]any{"entries": f.End}}
	c.Text = human.Plural(f.End, "flow")
	if f.Max == 0 {
		return c
	}
	full := share(f.End, f.Max)
	c.Evidence["max"], c.Evidence["percent"] = f.Max, full
	c.Text = fmt.Sprintf("%s of %s, %.1f %% full", c.Text, human.Count(f.Max), full)
	switch {
	case full >= l.FillFail:
		c.Level = Fail
		c.Text += ": when it is full, flows without a reply are thrown out, and then new connections are dropped"
	case full >= l.FillWarn:
		c.Level = Warn
	}
	if c.Level != OK {
		c.Command = raiseMaxCommand(s)
	}
	return c
}

// growth is about when the table will be full.
func growth(s *Snapshot, l Limits) Check {
	const id = "growth"
	if s.Denied != "" {
		return skipped(id, unprivileged)
	}
	perMinute := s.PerMinute()
	c := Check{ID: id, Evidence: map[string]any{"per_minute": perMinute}}
	c.Text = fmt.Sprintf("the table changed by %+.0f flows a minute", perMinute)
	grown := float64(s.Fill.End) - float64(s.Fill.Begin)
	if s.Fill.Max == 0 || grown*100 < l.GrowthMin*float64(s.Fill.Max) || grown <= 0 {
		return c
	}
	left := time.Duration(float64(s.Fill.Max-min(s.Fill.End, s.Fill.Max)) / perMinute * float64(time.Minute))
	c.Evidence["full_in_seconds"] = left.Seconds()
	c.Text += fmt.Sprintf(": at this rate it is full in %s", spell(left))
	if left < l.FullWarn {
		c.Level = Warn
		c.Command = raiseMaxCommand(s)
	}
	return c
}

// buckets is about the length of the chains that each look-up walks. Each flow
// stands in the table twice, once for each direction.
func buckets(s *Snapshot, l Limits) Check {
	const id = "buckets"
	n := s.Sysctls["buckets"]
	if n == 0 || s.Denied != "" {
		return skipped(id, "how many buckets there are is not to be seen here")
	}
	chain := 2 * float64(s.Fill.End) / float64(n)
	c := Check{ID: id, Evidence: map[string]any{"buckets": n, "chain": chain}}
	c.Text = fmt.Sprintf("%.2f hash entries a bucket (of %s, which all network namespaces share)", chain, human.Count(n))
	switch {
	case chain >= l.ChainFail:
		c.Level = Fail
		c.Text += ": chains of more than 50 entries make the kernel drop packets"
	case chain >= l.ChainWarn:
		c.Level = Warn
		c.Text += ": each packet's look-up walks so many"
	}
	if c.Level != OK {
		c.Command = bucketsCommand(s)
	}
	return c
}

// topShown is how many of each kind are named.
const topShown = 3

// leastShown is the share, in percent, below which only the first is named.
const leastShown = 1

// who says who fills the table.
func who(s *Snapshot, _ Limits) Check {
	const id = "who"
	if s.Census == nil {
		return skipped(id, cause(s))
	}
	c := Check{ID: id, Text: "nobody: there is no flow", Evidence: map[string]any{}}
	if s.Census.Flows == 0 {
		return c
	}
	var parts []string
	for _, kind := range []struct {
		name, word string
		all        []Share
	}{
		{"sources", "from", s.Census.Sources(10)}, {"destinations", "to", s.Census.Destinations(10)},
		{"ports", "by port", s.Census.Ports(10)}, {"states", "in state", s.Census.States(10)},
	} {
		c.Evidence[kind.name] = kind.all
		text := kind.word + " "
		for i, one := range kind.all[:min(topShown, len(kind.all))] {
			if i > 0 && one.Share < leastShown {
				break
			}
			if i > 0 {
				text += ", "
			}
			text += fmt.Sprintf("%s %.0f %%", one.Name, one.Share)
		}
		parts = append(parts, text)
	}
	c.Text = strings.Join(parts, "; ")
	return c
}

// reclaim is about flows that could go without harm.
func reclaim(s *Snapshot, l Limits) Check {
	const id = "reclaim"
	if s.Census == nil {
		return skipped(id, cause(s))
	}
	n := s.Census
	could := n.Unreplied + n.TimeWait
	c := Check{ID: id, Evidence: map[string]any{"unreplied": n.Unreplied, "time_wait": n.TimeWait, "flows": n.Flows}}
	c.Text = fmt.Sprintf("%.0f %% of the flows could go: %s without a reply, %s in TIME_WAIT", share(could, n.Flows), human.Count(n.Unreplied), human.Count(n.TimeWait))
	if s.Fill.Max == 0 || could == 0 || share(s.Fill.End, s.Fill.Max) < l.ReclaimFill || share(could, n.Flows) < l.ReclaimWarn {
		return c
	}
	c.Level = Warn
	if n.TimeWait > n.Unreplied {
		c.Command = s.shell("sysctl -w " + sysctlPrefix + "tcp_timeout_time_wait=30")
	} else {
		c.Command = s.Place.Natlens("delete", "unreplied")
	}
	return c
}
