package doctor

import (
	"fmt"

	"natlens/monitor/human"
)

// meanings say what it means that a counter moves, and what mends it; in the
// order in which the checks are made.
var meanings = []struct {
	word, means string
	command     func(*Snapshot) string
}{
	{"drop", "packets are dropped, because the table is full or memory short", raiseMaxCommand},
	{"early_drop", "flows without a reply are thrown out to make room in a full table", raiseMaxCommand},
	{"insert_failed", "new flows are dropped, because another packet's flow took their place first, or NAT ran out of ports for them", newFlowsCommand},
	{"chaintoolong", "new flows are dropped, because their bucket is full", bucketsCommand},
	{"clash_resolve", "several packets begin the same flow at once (as DNS clients do), and the kernel made one of them", newFlowsCommand},
	{"search_restart", "look-ups begin again, because entries moved under them", bucketsCommand},
	{"invalid", "packets belong to no connection that the kernel could follow: out of window, or routed another way back", invalidCommand},
	{"error", "ICMP messages are malformed, or tell of an error of a flow that is not in the table", invalidCommand},
}

func raiseMaxCommand(s *Snapshot) string {
	if s.Fill.Max == 0 {
		return ""
	}
	return s.host(sysctlPrefix+"max", 2*s.Fill.Max)
}

func bucketsCommand(s *Snapshot) string {
	return s.host(sysctlPrefix+"buckets", max(2*s.Sysctls["buckets"], s.Fill.End))
}

// newFlowsCommand shows the flows that begin: no setting stops these counters.
func newFlowsCommand(s *Snapshot) string { return s.Place.Natlens("watch", "event", "new") }

// invalidCommand has the kernel log why.
func invalidCommand(s *Snapshot) string {
	return s.shell("sysctl -w " + sysctlPrefix + "log_invalid=255")
}

// counters are about the kernel's counters that moved during the look: a check
// for each.
func counters(s *Snapshot, l Limits) (all []Check) {
	for _, m := range meanings {
		id := "counter." + m.word
		v, ok := s.Counters[m.word]
		switch {
		case s.Denied != "":
			all = append(all, skipped(id, unprivileged))
			continue
		case !ok:
			all = append(all, skipped(id, "the kernel does not keep it"))
			continue
		}
		moved := v.Moved
		if m.word == "drop" {
			moved = dropsAlone(s)
		}
		rate := s.PerSecond(moved)
		c := Check{ID: id, Evidence: map[string]any{"moved": v.Moved, "per_second": rate, "total": v.Total}}
		switch {
		case v.Moved == 0:
			c.Text = fmt.Sprintf("%s stood still at %s", m.word, human.Count(v.Total))
		case moved == 0:
			c.Text = fmt.Sprintf("%s moved by %s in %s, %s", m.word, human.Count(v.Moved), round(s.Look), insertions)
		default:
			c.Text = fmt.Sprintf("%s moved by %s in %s, %s a second: %s", m.word, human.Count(moved), round(s.Look), perSecond(rate), m.means)
		}
		if limit, ok := l.CounterFail[m.word]; ok && rate >= limit {
			c.Level = Fail
		} else if limit, ok := l.CounterWarn[m.word]; ok && rate >= limit {
			c.Level = Warn
		}
		if c.Level != OK && m.command != nil {
			c.Command = m.command(s)
		}
		all = append(all, c)
	}
	return all
}

// dropsAlone is how far drop moved but for the entries that could not be inserted,
// each of which the kernel counts twice: in insert_failed and in drop, or in
// insert_failed and in chaintoolong.
func dropsAlone(s *Snapshot) uint64 {
	drops, failed := s.Counters["drop"].Moved, s.Counters["insert_failed"].Moved
	failed -= min(failed, s.Counters["chaintoolong"].Moved)
	return drops - min(drops, failed)
}

// perSecond writes a rate in two digits where it is small.
func perSecond(rate float64) string {
	if rate < 10 {
		return fmt.Sprintf("%.2g", rate)
	}
	return human.Count(uint64(rate + 0.5))
}

// insertions is what it means that drop moves no further than insert_failed.
const insertions = "each for an insert_failed"

// Meaning says what it means that a counter moved as it did, by conntrack(8)'s word
// for it; "" of those that no check is about.
func (s *Snapshot) Meaning(word string) string {
	for _, m := range meanings {
		if m.word == word {
			if word == "drop" && s.Counters[word].Moved > 0 && dropsAlone(s) == 0 {
				return insertions
			}
			return m.means
		}
	}
	return ""
}
