package doctor

import (
	"fmt"
	"slices"

	"natlens/monitor/human"
)

// counter is the check of a kernel counter.
type counter struct {
	word       string // conntrack(8)'s name
	means      string // what it means if the counter grows
	command    func(*Snapshot) string
	warn, fail float64 // growth per second; 0: never
}

// anyMove is less than an increase by one in the longest useful run.
const anyMove = 1e-9

var counters = []counter{
	{"drop", "packets are dropped because the table is full or memory is short", raiseMax, anyMove, anyMove},
	{"early_drop", "flows without a reply are dropped from a full table to make space", raiseMax, anyMove, anyMove},
	{"insert_failed", "new flows are dropped because another packet's flow was first, or NAT found no free port",
		newFlows, anyMove, 10},
	{"chaintoolong", "new flows are dropped because their hash bucket is full", raiseBuckets, anyMove, anyMove},
	{"clash_resolve", "several packets began one flow at once (as DNS clients do), and the kernel merged them",
		newFlows, 10, 0},
	{"search_restart", "look-ups start again because entries moved meanwhile", raiseBuckets, 1000, 0},
	{"invalid", "packets belong to no connection that the kernel can follow: out of window, or routed another way back",
		logInvalid, 10, 0},
	{"error", "ICMP messages are malformed, or report an error of a flow that is not in the table", logInvalid, 10, 0},
}

// newFlows returns a command that shows new flows: no setting stops these counters.
func newFlows(s *Snapshot) string { return s.Place.Natlens("watch", "event", "new") }

// logInvalid returns a command that makes the kernel log the reason. In a network namespace the
// kernel logs nothing unless the host allows it.
func logInvalid(s *Snapshot) string {
	command := s.shell("sysctl -w " + sysctlPrefix + "log_invalid=255")
	if s.Place.Prefix != "" || !s.Place.Host && !s.Place.Sudo {
		command = s.host("net.netfilter.nf_log_all_netns", 1) + " && " + command
	}
	return command
}

func counterKinds() (all []kind) {
	for i := range counters {
		all = append(all, kind{"counter." + counters[i].word, needPrivilege, "", counters[i].check})
	}
	return all
}

func (m *counter) check(s *Snapshot, c *Check) {
	v, ok := s.Counters[m.word]
	if !ok {
		c.skip("this kernel does not have this counter")
		return
	}
	moved := s.moved(m.word)
	rate := s.PerSecond(moved)
	c.Evidence["moved"], c.Evidence["per_second"], c.Evidence["total"] = v.Moved, rate, v.Total
	switch {
	case v.Moved == 0:
		c.Text = fmt.Sprintf("%s stayed at %s", m.word, human.Count(v.Total))
	case moved == 0:
		c.Text = fmt.Sprintf("%s grew by %s in %s: %s", m.word, human.Count(v.Moved), round(s.Span), insertions)
	default:
		c.Text = fmt.Sprintf("%s grew by %s in %s, %s a second: %s", m.word, human.Count(moved), round(s.Span),
			perSecond(rate), m.means)
	}
	switch {
	case m.fail > 0 && rate >= m.fail:
		c.Level, c.Command = Fail, m.command(s)
	case rate >= m.warn:
		c.Level, c.Command = Warn, m.command(s)
	}
}

const insertions = "each also counts in insert_failed"

// moved returns how much a counter grew. The kernel counts an entry that it could not insert
// twice, in insert_failed and in drop or chaintoolong; the result for drop does not contain
// these.
func (s *Snapshot) moved(word string) uint64 {
	n := s.Counters[word].Moved
	if word != "drop" {
		return n
	}
	failed, long := s.Counters["insert_failed"].Moved, s.Counters["chaintoolong"].Moved
	failed -= min(failed, long)
	return n - min(n, failed)
}

// perSecond writes a rate, with two digits if it is small.
func perSecond(rate float64) string {
	if rate < 10 {
		return fmt.Sprintf("%.2g", rate)
	}
	return human.Count(uint64(rate + 0.5))
}

// Meaning says what the growth of a counter means, by its conntrack(8) name. It is "" if no
// check has that counter.
func (s *Snapshot) Meaning(word string) string {
	i := slices.IndexFunc(counters, func(m counter) bool { return m.word == word })
	switch {
	case i < 0:
		return ""
	case s.Counters[word].Moved > 0 && s.moved(word) == 0:
		return insertions
	}
	return counters[i].means
}
