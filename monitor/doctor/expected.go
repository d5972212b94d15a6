package doctor

import (
	"fmt"
	"strings"

	"natlens/monitor/human"
)

// acct is about packets and bytes of flows.
func acct(s *Snapshot, _ Limits) Check {
	const id, name = "acct", sysctlPrefix + "acct"
	v, ok := s.Sysctls["acct"]
	if !ok {
		return skipped(id, "there is no "+name)
	}
	c := Check{ID: id, Text: "packets and bytes are counted", Evidence: map[string]any{"nf_conntrack_acct": v}}
	if v == 0 {
		c.Level, c.Text = Warn, "packets and bytes are not counted: nf_conntrack_acct is 0; flows that begin from its change on have counters"
		c.set(s, name, 1, true)
	}
	if s.Census != nil {
		without := s.Census.Flows - s.Census.Counted
		c.Evidence["flows"], c.Evidence["without_counters"] = s.Census.Flows, without
		if v != 0 && without > 0 {
			c.Text += fmt.Sprintf("; %s of %s began before that and have no counters", human.Count(without), human.Plural(s.Census.Flows, "flow"))
		}
	}
	return c
}

// timestamp is about when flows began and events happened.
func timestamp(s *Snapshot, _ Limits) Check {
	const id, name = "timestamp", sysctlPrefix + "timestamp"
	v, ok := s.Sysctls["timestamp"]
	if !ok {
		return skipped(id, "there is no "+name)
	}
	c := Check{ID: id, Text: "the kernel stamps events and the begin and end of flows", Evidence: map[string]any{"nf_conntrack_timestamp": v}}
	if v == 0 {
		c.Level = Warn
		c.Text = "the kernel keeps no times: nf_conntrack_timestamp is 0; events bear the time at which they were captured, and flows that were there before have no age"
		c.set(s, name, 1, true)
	}
	return c
}

// helper is about protocols that open further connections.
func helper(s *Snapshot, _ Limits) Check {
	const id = "helper"
	if s.Census == nil {
		return skipped(id, cause(s))
	}
	c := Check{ID: id, Evidence: map[string]any{"with_helper": s.Census.Helped}}
	c.Text = have(int(s.Census.Helped), "flow has a helper", "flows have a helper")
	var missing []string
	for i, n := range s.Census.Unhelped {
		if n == 0 {
			continue
		}
		h := helped[i]
		c.Evidence["without_"+h.name] = n
		missing = append(missing, fmt.Sprintf("%s to %s port %d", human.Plural(n, "flow"), h.proto, h.port))
		if c.Level == OK {
			c.Level = Warn
			c.Command = s.shell("nft '" + assign(h) + "'")
		}
	}
	if missing != nil {
		c.Text += fmt.Sprintf("; without one: %s: connections that they agree on inside (FTP data, PPTP calls) are neither expected nor translated", strings.Join(missing, ", "))
	}
	return c
}

// helped are the ports whose protocols open further connections, with the helper
// that the kernel has for each.
var helped = [...]struct {
	name, proto string
	port        uint16
}{{"ftp", "tcp", 21}, {"pptp", "tcp", 1723}, {"tftp", "udp", 69}}

// assign is the ruleset that gives flows to a port their helper.
func assign(h struct {
	name, proto string
	port        uint16
}) string {
	return fmt.Sprintf("add table inet assist; "+
		`add ct helper inet assist %[1]s { type "%[1]s" protocol %[2]s; }; `+
		"add chain inet assist pre { type filter hook prerouting priority -150; }; "+
		`add rule inet assist pre %[2]s dport %[3]d ct helper set "%[1]s"`, h.name, h.proto, h.port)
}

func labels(s *Snapshot, _ Limits) Check {
	const id = "labels"
	if s.Census == nil {
		return skipped(id, cause(s))
	}
	c := Check{ID: id, Evidence: map[string]any{"with_labels": s.Census.Labelled}}
	c.Text = have(int(s.Census.Labelled), "flow bears labels", "flows bear labels")
	if s.Census.Labelled == 0 {
		c.Text = "no flow bears labels: they come of rules such as ct label set"
	}
	return c
}

// offload is about flows that the kernel's fast path carries past conntrack.
func offload(s *Snapshot, _ Limits) Check {
	const id = "offload"
	if s.Census == nil {
		return skipped(id, cause(s))
	}
	n := s.Census.Offloaded
	c := Check{ID: id, Text: "no flow goes past conntrack by a flow table", Evidence: map[string]any{"offloaded": n}}
	if n > 0 {
		c.Level = Warn
		c.Text = fmt.Sprintf("%s past conntrack by a flow table: their state stands still, and their counters mean little unless the flow table has the flag counter",
			have(int(n), "flow goes", "flows go"))
		c.Command = s.Place.Natlens("list", "status", "offload")
	}
	return c
}

// cause says why there is no census.
func cause(s *Snapshot) string {
	if s.Denied != "" {
		return unprivileged
	}
	return "the table was not read"
}
