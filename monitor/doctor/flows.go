package doctor

import (
	"fmt"
	"strings"

	"natlens/monitor/human"
)

// acct checks whether flows have counters of packets and bytes.
func acct(s *Snapshot, c *Check) {
	v := s.Sysctls["acct"]
	c.Text = "packets and bytes are counted"
	c.Evidence["nf_conntrack_acct"] = v
	if v == 0 {
		c.Level = Warn
		c.Text = "packets and bytes are not counted: nf_conntrack_acct is 0; a change affects only flows that begin " +
			"afterwards"
		c.set(s, "acct", 1, true)
	}
	if s.Counts == nil {
		return
	}
	without := s.Counts.Flows - s.Counts.Counted
	c.Evidence["flows"], c.Evidence["without_counters"] = s.Counts.Flows, without
	if v != 0 && without > 0 {
		c.say("; %s of %s began before that and have no counters", human.Count(without),
			human.Plural(s.Counts.Flows, "flow"))
	}
}

// timestamp checks whether flows have start times and events have times.
func timestamp(s *Snapshot, c *Check) {
	v := s.Sysctls["timestamp"]
	c.Text = "the kernel records the times of events and of the begin and end of flows"
	c.Evidence["nf_conntrack_timestamp"] = v
	if v == 0 {
		c.Level = Warn
		c.Text = "the kernel records no times: nf_conntrack_timestamp is 0; events have the time at which natlens " +
			"got them, and flows that began before have no age"
		c.set(s, "timestamp", 1, true)
	}
}

// assignHelper is a ruleset that assigns a helper to flows to a port.
const assignHelper = "add table inet assist; " +
	`add ct helper inet assist %[1]s { type "%[1]s" protocol %[2]s; }; ` +
	"add chain inet assist pre { type filter hook prerouting priority -150; }; " +
	`add rule inet assist pre %[2]s dport %[3]d ct helper set "%[1]s"`

// helper checks protocols that open more connections.
func helper(s *Snapshot, c *Check) {
	c.Evidence["with_helper"] = s.Counts.Helped
	c.Text = human.Plural(s.Counts.Helped, "flow") + " with a helper"
	var missing []string
	for i, n := range s.Counts.Unhelped {
		if n == 0 {
			continue
		}
		h := helped[i]
		c.Evidence["without_"+h.name] = n
		missing = append(missing, fmt.Sprintf("%s to %s port %d", human.Plural(n, "flow"), h.proto, h.port))
		if c.Level == OK {
			c.Level = Warn
			c.Command = s.shell("nft '" + fmt.Sprintf(assignHelper, h.name, h.proto, h.port) + "'")
		}
	}
	if missing != nil {
		c.say("; without one: %s. The connections that they negotiate (FTP data, PPTP calls) are neither expected nor "+
			"translated", strings.Join(missing, ", "))
	}
}

func labels(s *Snapshot, c *Check) {
	c.Evidence["with_labels"] = s.Counts.Labelled
	c.Text = human.Plural(s.Counts.Labelled, "flow") + " with labels"
	if s.Counts.Labelled == 0 {
		c.Text = "no flow has labels: rules such as ct label set assign them"
	}
}

// offload checks whether the kernel's fast path forwards flows without connection tracking.
func offload(s *Snapshot, c *Check) {
	n := s.Counts.Offloaded
	c.Text = "no flow bypasses connection tracking through a flow table"
	c.Evidence["offloaded"] = n
	if n > 0 {
		c.Level, c.Command = Warn, s.Place.Natlens("list", "status", "offload")
		c.Text = human.Plural(n, "flow") +
			" in a flow table, past connection tracking: the state does not change, and counters are only right if " +
			"the flow table has the flag counter"
	}
}

// Limits of who.
const (
	mostKept   = 10 // of each kind in the evidence
	mostShown  = 3  // of each kind in the text
	leastShown = 1  // percentage below which only the first is named
)

// who reports which addresses, ports and states the flows have.
func who(s *Snapshot, c *Check) {
	if s.Counts.Flows == 0 {
		c.Text = "the table is empty"
		return
	}
	var parts []string
	for i, g := range groups {
		all := s.Counts.most(i, mostKept)
		c.Evidence[g.name] = all
		var shown []string
		for i, one := range all[:min(mostShown, len(all))] {
			if i == 0 || one.Share >= leastShown {
				shown = append(shown, fmt.Sprintf("%s %.0f %%", one.Name, one.Share))
			}
		}
		parts = append(parts, g.word+" "+strings.Join(shown, ", "))
	}
	c.Text = strings.Join(parts, "; ")
	if n := s.Counts.beyond; n > 0 {
		c.Evidence["uncounted"] = n
	}
}
