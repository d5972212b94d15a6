package doctor

import (
	"fmt"
	"slices"

	"natlens/monitor/human"
)

// kind is a check, with what it needs from the snapshot.
type kind struct {
	id     string
	needs  need
	sysctl string // nf_conntrack_…; without this sysctl the check is skipped; "": none
	check  func(*Snapshot, *Check)
}

type need uint8

const (
	needNothing   need = iota
	needPrivilege      // to read flows, rules and events
	needCounts         // of the flows
)

// kinds are the checks in their order.
var kinds = slices.Concat([]kind{
	{"privilege", needNothing, "", privilege},
	{"conntrack", needNothing, "", conntrack},
	{"hook", needPrivilege, "", hook},
	{"events", needNothing, "events", events},
	{"ring", needPrivilege, "", ring},
	{"queue", needPrivilege, "", queue},
	{"acct", needNothing, "acct", acct},
	{"timestamp", needNothing, "timestamp", timestamp},
	{"helper", needCounts, "", helper},
	{"labels", needCounts, "", labels},
	{"offload", needCounts, "", offload},
	{"table", needPrivilege, "", table},
	{"growth", needPrivilege, "", growth},
	{"buckets", needPrivilege, "buckets", buckets},
	{"who", needCounts, "", who},
	{"reclaim", needCounts, "", reclaim},
}, counterKinds(), []kind{
	{"timeout.established", needNothing, "tcp_timeout_established", established},
	{"timeout.udp", needNothing, "udp_timeout", udp},
})

// Diagnose makes all checks. It always returns the same ones in the same order.
func Diagnose(s *Snapshot) (all []Check) {
	for i := range kinds {
		all = append(all, kinds[i].run(s))
	}
	return all
}

func (k *kind) run(s *Snapshot) Check {
	c := Check{ID: k.id, Evidence: map[string]any{}}
	switch _, known := s.Sysctls[k.sysctl]; {
	case k.needs >= needPrivilege && s.Denied != "":
		c.skip("a privilege is missing")
	case k.needs == needCounts && s.Counts == nil:
		c.skip("the table was not read")
	case k.sysctl != "" && !known:
		c.skip("there is no " + sysctlPrefix + k.sysctl)
	default:
		k.check(s, &c)
	}
	return c
}

// Quiet returns the most likely reason why no event comes, and a command that changes it ("" if
// natlens knows no command). It uses only Place, Sysctls, Tracking, Fill and Denied.
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
		return fmt.Sprintf("flows that began while nobody listened send no events (nf_conntrack_events is 2); "+
			"%s in the table, none began or ended", flows), c.Command
	}
	return fmt.Sprintf("no flow began, changed or ended in this network namespace, which tracks %s; other "+
		"namespaces have events of their own", flows), "ip netns list"
}

// Uncounted reports that new flows have no counters of packets and bytes, with a command that
// turns counters on. It returns "" if they have counters. It uses only Place and Sysctls.
func Uncounted(s *Snapshot) (reason, command string) {
	k := kind{sysctl: "acct", check: acct}
	if c := k.run(s); c.Level == Warn {
		return c.Text, c.Command
	}
	return "", ""
}

func counterKinds() (all []kind) {
	for i := range counters {
		all = append(all, kind{"counter." + counters[i].word, needPrivilege, "", counters[i].check})
	}
	return all
}
