package doctor

import (
	"fmt"

	"natlens/monitor/human"
)

// Quiet returns the likeliest reason why no event has come for a while, and the command that
// changes it, "" if none does. It uses Place, Sysctls, Tracking, Fill and Denied only.
func Quiet(s *Snapshot) (reason, command string) {
	for _, k := range []kind{{check: conntrack}, {sysctl: "events", check: events}, {needs: needPrivilege,
		check: hook}} {
		if c := k.run(s); c.Level == Fail || c.Level == Warn {
			return c.Text, c.Command
		}
	}
	flows := human.Plural(s.Fill.End, "flow")
	if s.Sysctls["events"] == 2 && s.Fill.End > 0 {
		var c Check
		c.set(s, "events", 1, true)
		return fmt.Sprintf("no flow began or ended; of %s in the table, those that began while nobody listened send "+
			"no events (nf_conntrack_events is 2)", flows), c.Command
	}
	return fmt.Sprintf("no flow began, changed or ended in this network namespace, which tracks %s; other "+
		"namespaces have events of their own", flows), "ip netns list"
}

// Uncounted says that flows which begin now have no counters of packets and bytes, and
// returns the command that changes it; "" if they have. It uses Place and Sysctls only.
func Uncounted(s *Snapshot) (reason, command string) {
	k := kind{sysctl: "acct", check: acct}
	if c := k.run(s); c.Level == Warn {
		return c.Text, c.Command
	}
	return "", ""
}
