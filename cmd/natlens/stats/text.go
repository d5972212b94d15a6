//go:build linux

package stats

import (
	"fmt"
	"strings"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
)

// counterMeanings say what a counter counts, in a few words.
var counterMeanings = map[ctnetlink.Counter]string{
	ctnetlink.Found:         "tuples that NAT tried and that were taken",
	ctnetlink.Invalid:       "packets that could not be tracked",
	ctnetlink.Insert:        "entries made by programs",
	ctnetlink.InsertFailed:  "entries that could not be inserted: packets dropped",
	ctnetlink.Drop:          "packets dropped: table full, or out of memory",
	ctnetlink.EarlyDrop:     "entries removed to make room",
	ctnetlink.Error:         "ICMP messages that are malformed, or about no flow of the table",
	ctnetlink.SearchRestart: "look-ups restarted",
	ctnetlink.ClashResolve:  "races of first packets resolved without a drop",
	ctnetlink.ChainTooLong:  "entries rejected: bucket full",
}

// settings are the sysctls that decide what can be seen, by the end of their names, and what their values mean.
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

// pretty writes tables for people.
func (r *reading) pretty(seen *watched) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "entries  %s", human.Count(uint64(r.fill.Entries)))
	if m := r.max(); m > 0 {
		fmt.Fprintf(&b, " of %s, %.1f %%", human.Count(m), 100*float64(r.fill.Entries)/float64(m))
	}
	if n, ok := r.sysctl("buckets"); ok && n > 0 {
		fmt.Fprintf(&b, "; %s buckets, shared by all network namespaces", human.Count(n))
	}
	sum := r.expectations()
	fmt.Fprintf(&b, "\n\n%s\nexpectations  %s made, %s gone\n\n%s", r.counterTable(seen),
		human.Count(uint64(sum.Create)), human.Count(uint64(sum.Delete)), r.settingTable())
	if seen != nil {
		b.WriteString(seen.table(&r.events))
	}
	return []byte(b.String())
}

// counterTable has a row a counter: its sum, how much it has grown, each CPU, what it means.
func (r *reading) counterTable(seen *watched) string {
	head := []string{"", "total"}
	if seen != nil {
		head = append(head, seen.inTime())
	}
	for i := range r.cpus {
		head = append(head, fmt.Sprintf("cpu %d", r.cpus[i].CPU))
	}
	rows := [][]string{head}
	for _, k := range r.counters() {
		row := []string{k.String(), human.Count(r.total(k))}
		if seen != nil {
			row = append(row, human.Count(r.grown(k)))
		}
		for i := range r.cpus {
			row = append(row, human.Count(uint64(r.cpus[i].Get(k))))
		}
		rows = append(rows, append(row, counterMeanings[k]))
	}
	return cli.Columns(rows, 1, len(head))
}

func (r *reading) settingTable() string {
	var rows [][]string
	for _, s := range settings {
		v, ok := r.sysctl(s.name)
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

// inTime heads the column of what came with --for.
func (w *watched) inTime() string { return "in " + w.took.Round(100*time.Millisecond).String() }

// table says what came, and how it was captured.
func (w *watched) table(events *kinds) string {
	rows := [][]string{{"", w.inTime(), "a second"}}
	for _, r := range w.rows(events) {
		n, rate := "–", "–"
		if !r.unknown {
			n, rate = human.Count(r.n), human.Count(uint64(float64(r.n)/w.took.Seconds()+0.5))
		}
		rows = append(rows, []string{r.name, n, rate, r.means})
	}
	return fmt.Sprintf("\ncaptured by %s of %s\n%s", w.way, human.Bytes(uint64(w.capture.Capacity)),
		cli.Columns(rows, 1, 3))
}

// harmful are the counters that have a column in the overview.
var harmful = []ctnetlink.Counter{
	ctnetlink.Drop, ctnetlink.InsertFailed, ctnetlink.EarlyDrop, ctnetlink.Invalid, ctnetlink.ChainTooLong,
}

// overview writes a row a namespace. With --for the counters are what they grew by.
func overview(all []*reading, seen *watched) []byte {
	head := []string{"NETNS", "TRACKS", "ENTRIES"}
	for _, k := range harmful {
		head = append(head, k.String())
	}
	rows := [][]string{append(head, "EVENTS", "ACCT")}
	var events kinds
	for _, r := range all {
		row := []string{monitor.Escape(r.ns.Name), tracksText(&r.tracking), human.Count(uint64(r.fill.Entries))}
		for _, k := range harmful {
			n := r.total(k)
			if seen != nil {
				n = r.grown(k)
			}
			row = append(row, human.Count(n))
		}
		for _, name := range []string{"events", "acct"} {
			text := "–"
			if v, ok := r.sysctl(name); ok {
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

// tracksText says for which families rules turn tracking on.
func tracksText(t *kernel.Tracking) string {
	switch {
	case t.IPv4 && t.IPv6:
		return "ipv4 ipv6"
	case t.IPv4:
		return "ipv4"
	case t.IPv6:
		return "ipv6"
	}
	return "–"
}
