package doctor

import (
	"fmt"

	"natlens/monitor/human"
)

// Quiet says why no event has come for a while: the likeliest reason in one line,
// and the command that mends it, "" where none does. Only Place, Sysctls,
// Tracking, Fill and Denied of the snapshot are asked.
func Quiet(s *Snapshot) (reason, command string) {
	for _, c := range []Check{conntrack(s, Limits{}), silent(s), hook(s, Limits{})} {
		if c.Level == Fail || c.Level == Warn {
			return c.Text, c.Command
		}
	}
	if s.Sysctls["events"] == 2 && s.Fill.End > 0 {
		c := Check{}
		c.set(s, sysctlPrefix+"events", 1, true)
		return fmt.Sprintf("no flow began or ended; of %s in the table, those that began while nobody listened stay silent (nf_conntrack_events is 2)",
			human.Plural(s.Fill.End, "flow")), c.Command
	}
	return fmt.Sprintf("no flow began, changed or ended in this network namespace, which tracks %s; other namespaces have events of their own",
		human.Plural(s.Fill.End, "flow")), "ip netns list"
}

// silent is the check of events as one who has seen none makes it.
func silent(s *Snapshot) Check {
	c := events(s, Limits{})
	if c.Level != Fail {
		return Check{}
	}
	return c
}

// Uncounted says that flows that begin now have no counters of packets and bytes,
// and the command that mends it; "" if they have. Only Place and Sysctls of the
// snapshot are asked.
func Uncounted(s *Snapshot) (reason, command string) {
	if c := acct(s, Limits{}); c.Level == Warn {
		return c.Text, c.Command
	}
	return "", ""
}
