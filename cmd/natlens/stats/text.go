//go:build linux

package stats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/human"
)

var counterMeanings = map[string]string{
	"found":          "tuples that NAT tried and that were taken",
	"invalid":        "packets that could not be tracked",
	"insert":         "entries made by programs",
	"insert_failed":  "entries that could not be inserted: packets dropped",
	"drop":           "packets dropped: table full, or out of memory",
	"early_drop":     "entries removed to make room",
	"error":          "ICMP messages that are malformed, or about no flow of the table",
	"search_restart": "look-ups restarted",
	"clash_resolve":  "races of first packets resolved without a drop",
	"chaintoolong":   "entries rejected: bucket full",
}

// settings are the sysctls that decide what natlens can see, by the end of their names, and the
// meaning of their values.
var settings = []struct {
	name  string
	means []string // by value
}{
	{"events", []string{"no flow sends events", "every flow sends events",
		"flows that begin while somebody listens send events"}},
	{"acct", []string{"packets and bytes are not counted", "packets and bytes are counted"}},
	{"timestamp", []string{"no times of begin and end", "times of begin and end are kept"}},
	{"helper", []string{"helpers are assigned by rules only", "helpers are assigned by port"}},
	{"tcp_loose", []string{"TCP connections are tracked from their SYN only",
		"TCP connections are picked up in the middle"}},
	{"tcp_be_liberal", []string{"TCP packets out of window are invalid", "only RSTs out of window are invalid"}},
	{"checksum", []string{"checksums are not verified", "packets with a wrong checksum are invalid"}},
}

func (r *reading) pretty(seen *watched) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "entries  %s", human.Count(uint64(r.entries)))
	if r.max > 0 {
		fmt.Fprintf(&b, " of %s, %.1f %%", human.Count(r.max), 100*float64(r.entries)/float64(r.max))
	}
	if n := r.sysctls["buckets"]; n > 0 {
		fmt.Fprintf(&b, "; %s buckets, shared by all network namespaces", human.Count(n))
	}
	fmt.Fprintf(&b, "\n\n%s\nexpectations  %s made, %s gone\n\n%s", r.counterTable(seen),
		human.Count(r.total("expect_create")), human.Count(r.total("expect_delete")), r.settingTable())
	if seen != nil {
		b.WriteString(seen.table(&r.events))
	}
	return []byte(b.String())
}

// counterTable has a row for each counter: its sum, its growth, each CPU, its meaning.
func (r *reading) counterTable(seen *watched) string {
	head := []string{"", "total"}
	if seen != nil {
		head = append(head, seen.inTime())
	}
	for _, c := range r.cpus {
		head = append(head, fmt.Sprintf("cpu %d", c.CPU))
	}
	rows := [][]string{head}
	for _, k := range counters(r.cpus, ctnetlink.CounterNames) {
		row := []string{k, human.Count(r.total(k))}
		if seen != nil {
			row = append(row, human.Count(r.grown[k]))
		}
		for _, c := range r.cpus {
			row = append(row, human.Count(uint64(c.Counters[k])))
		}
		rows = append(rows, append(row, counterMeanings[k]))
	}
	return cli.Columns(rows, 1, len(head))
}

func (r *reading) settingTable() string {
	var rows [][]string
	for _, s := range settings {
		v, ok := r.sysctls[s.name]
		if !ok {
			continue
		}
		means := ""
		if v < uint64(len(s.means)) {
			means = s.means[v]
		}
		rows = append(rows, []string{"nf_conntrack_" + s.name, fmt.Sprint(v), means})
	}
	if rows == nil {
		return ""
	}
	return cli.Columns(rows, 1, 2)
}

// inTime returns the head of the column for --for.
func (w *watched) inTime() string { return "in " + w.took.Round(100*time.Millisecond).String() }

// table returns the table of captured events and of the capture.
func (w *watched) table(events *kinds) string {
	rows := [][]string{{"", w.inTime(), "a second"}}
	for _, r := range w.rows(events) {
		n, rate := "–", "–"
		if !r.unknown {
			n, rate = human.Count(r.n), human.Count(uint64(float64(r.n)/w.took.Seconds()+0.5))
		}
		rows = append(rows, []string{r.name, n, rate, r.means})
	}
	return fmt.Sprintf("\ncaptured by %s of %s\n%s", w.way, human.Binary(uint64(w.capture.Capacity)),
		cli.Columns(rows, 1, 3))
}

var harmful = []string{"drop", "insert_failed", "early_drop", "invalid", "chaintoolong"}

// overview writes a row for each namespace. With --for the counters are their growth.
func overview(all []*reading, seen *watched) []byte {
	rows := [][]string{slices.Concat([]string{"NETNS", "TRACKS", "ENTRIES"}, harmful, []string{"EVENTS", "ACCT"})}
	var events kinds
	for _, r := range all {
		row := []string{monitor.Escape(r.ns.Name), tracksText(&r.tracking), human.Count(uint64(r.entries))}
		for _, k := range harmful {
			n := r.total(k)
			if seen != nil {
				n = r.grown[k]
			}
			row = append(row, human.Count(n))
		}
		for _, name := range []string{"events", "acct"} {
			text := "–"
			if v, ok := r.sysctls[name]; ok {
				text = fmt.Sprint(v)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
		for k, n := range r.events {
			events[k] += n
		}
	}
	text := cli.Columns(rows, 2, len(rows[0]))
	if seen != nil {
		text += seen.table(&events)
	}
	return []byte(text)
}

// tracksText returns for which families rules turn tracking on.
func tracksText(t *monitor.Tracking) string {
	families := map[[2]bool]string{{true, true}: "ipv4 ipv6", {true, false}: "ipv4", {false, true}: "ipv6"}
	return cmp.Or(families[[2]bool{t.IPv4, t.IPv6}], "–")
}
