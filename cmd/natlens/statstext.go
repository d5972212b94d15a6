//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"natlens/monitor/ctnetlink"
	"natlens/monitor/human"
)

// counterMeanings say what a counter counts, in a few words.
var counterMeanings = map[ctnetlink.Counter]string{
	ctnetlink.Found:         "tuples that NAT had in mind and that were taken",
	ctnetlink.Invalid:       "packets that could not be tracked",
	ctnetlink.Insert:        "entries made by programs",
	ctnetlink.InsertFailed:  "entries that could not be put into the table: packets dropped",
	ctnetlink.Drop:          "packets dropped: table full, or memory short",
	ctnetlink.EarlyDrop:     "entries thrown out to make room",
	ctnetlink.Error:         "ICMP messages that are malformed, or about no flow of the table",
	ctnetlink.SearchRestart: "look-ups begun again",
	ctnetlink.ClashResolve:  "races of first packets settled without a drop",
	ctnetlink.ChainTooLong:  "entries refused: bucket full",
}

// settings are the sysctls on which depends what can be seen, by the end of their
// names, and what their values mean.
var settings = []struct {
	name  string
	means func(v uint64) string
}{
	{"events", func(v uint64) string {
		return pick(v, "no flow sends events", "every flow sends events", "flows that begin while somebody listens send events")
	}},
	{"acct", func(v uint64) string {
		return pick(v, "packets and bytes are not counted", "packets and bytes are counted")
	}},
	{"timestamp", func(v uint64) string { return pick(v, "no times of begin and end", "times of begin and end are kept") }},
	{"helper", func(v uint64) string {
		return pick(v, "helpers are assigned by rules only", "helpers are assigned by port")
	}},
	{"tcp_loose", func(v uint64) string {
		return pick(v, "TCP connections are tracked from their SYN only", "TCP connections are picked up in the middle")
	}},
	{"tcp_be_liberal", func(v uint64) string {
		return pick(v, "TCP packets out of window are invalid", "only RSTs out of window are invalid")
	}},
	{"checksum", func(v uint64) string {
		return pick(v, "checksums are not verified", "packets with a wrong checksum are invalid")
	}},
}

func pick(v uint64, words ...string) string {
	if v < uint64(len(words)) {
		return words[v]
	}
	return ""
}

// pretty writes tables for people.
func (st *stats) pretty() (b []byte) {
	b = fmt.Appendf(b, "entries  %s", human.Count(uint64(st.fill.Entries)))
	if m := st.max(); m > 0 {
		b = fmt.Appendf(b, " of %s, %.1f %%", human.Count(m), 100*float64(st.fill.Entries)/float64(m))
	}
	if n, ok := st.sysctl("buckets"); ok && n > 0 {
		b = fmt.Appendf(b, "; %s buckets, shared by all network namespaces", human.Count(n))
	}
	b = append(b, "\n\n"...)
	b = st.prettyCounters(b)
	b = append(b, '\n')
	for _, s := range settings {
		if v, ok := st.sysctl(s.name); ok {
			b = fmt.Appendf(b, "nf_conntrack_%-15s %d", s.name, v)
			if m := s.means(v); m != "" {
				b = append(append(b, "  "...), m...)
			}
			b = append(b, '\n')
		}
	}
	if st.look != nil {
		b = st.look.pretty(b)
	}
	return b
}

// prettyCounters writes a line a counter: its sum, how much of it is new if
// somebody looked, each CPU, what it means.
func (st *stats) prettyCounters(b []byte) []byte {
	width := len("total")
	for _, k := range st.counters() {
		width = max(width, len(human.Count(st.total(k))))
	}
	if st.look != nil {
		width = max(width, len(st.look.inTime()))
	}
	b = fmt.Appendf(b, "%-14s  %*s", "", width, "total")
	if st.look != nil {
		b = fmt.Appendf(b, "  %*s", width, st.look.inTime())
	}
	for i := range st.cpus {
		b = fmt.Appendf(b, "  %*s", width, "cpu "+strconv.Itoa(int(st.cpus[i].CPU)))
	}
	b = append(b, '\n')
	for _, k := range st.counters() {
		b = fmt.Appendf(b, "%-14s  %*s", k, width, human.Count(st.total(k)))
		if st.look != nil {
			b = fmt.Appendf(b, "  %*s", width, human.Count(st.look.grown(st, k)))
		}
		for i := range st.cpus {
			b = fmt.Appendf(b, "  %*s", width, human.Count(uint64(st.cpus[i].Get(k))))
		}
		if m := counterMeanings[k]; m != "" {
			b = append(append(b, "  "...), m...)
		}
		b = append(b, '\n')
	}
	var made, gone uint64
	for _, e := range st.expect {
		made, gone = made+uint64(e.Create), gone+uint64(e.Delete)
	}
	return fmt.Appendf(b, "\nexpectations  %s made, %s gone\n", human.Count(made), human.Count(gone))
}

// json writes one object, as docs/json.md says.
func (st *stats) json() []byte {
	type counters map[string]uint64
	out := struct {
		V        int               `json:"v"`
		Entries  uint32            `json:"entries"`
		Max      uint64            `json:"max,omitempty"`
		Buckets  uint64            `json:"buckets,omitempty"`
		Counters counters          `json:"counters"`
		CPUs     []counters        `json:"cpus"`
		Expect   counters          `json:"expect"`
		Sysctls  map[string]uint64 `json:"sysctls"`
		NetNS    string            `json:"netns,omitempty"`
		Inode    uint64            `json:"inode,omitempty"`
		Look     *lookJSON         `json:"look,omitempty"`
	}{V: 1, Entries: st.fill.Entries, Max: st.max(), Counters: counters{}, Expect: counters{}, Sysctls: map[string]uint64{}}
	out.Buckets, _ = st.sysctl("buckets")
	for _, k := range st.counters() {
		out.Counters[k.String()] = st.total(k)
	}
	for i := range st.cpus {
		one := counters{"cpu": uint64(st.cpus[i].CPU)}
		st.cpus[i].Each(func(k ctnetlink.Counter, n uint32) { one[k.String()] = uint64(n) })
		out.CPUs = append(out.CPUs, one)
	}
	for _, e := range st.expect {
		out.Expect["new"] += uint64(e.New)
		out.Expect["create"] += uint64(e.Create)
		out.Expect["delete"] += uint64(e.Delete)
	}
	for _, s := range st.sysctls {
		out.Sysctls[s.Name] = s.Value
	}
	out.NetNS, out.Inode = st.netns.Name, st.netns.Inode
	if st.look != nil {
		out.Look = st.look.json(st)
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err) // numbers and names only
	}
	return append(b, '\n')
}
