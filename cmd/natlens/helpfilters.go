package main

import (
	"natlens/cmd/natlens/cli"
	"natlens/monitor/filter"
)

// topicFilters is what "natlens help" calls the page about filters.
const topicFilters = "filters"

// filtersTopic is the page about filters: the words that a condition may begin
// with, and conntrack(8)'s flags.
var filtersTopic = topic{
	name:  topicFilters,
	short: "The words of a filter, and conntrack(8)'s flags",
	long: `A filter is made of conditions with and, or, not and brackets between them. Conditions side by side must all hold. Quote what the shell would take for itself: ( ) < > & | ! { }.

  tcp dport 443
  snat and reply.dport in 1024..2047
  not dst 10.0.0.0/8 or state syn_sent
  mark & 0xff == 0x10 and bytes > 1M

Comparisons are == != < <= > >= in {…} in A..B; == may be left out. Lists are written with commas: dport 80,443. docs/filters.md is the whole reference.`,
	tables: func() []helpTable {
		fields := helpTable{heading: "Fields, which are compared"}
		words := helpTable{heading: "Words that are a condition by themselves"}
		for _, c := range filter.Complete("", 0) {
			switch c.Kind {
			case filter.CandidateField:
				fields.rows = append(fields.rows, [2]string{c.Text, c.Doc})
			case filter.CandidateWord:
				words.rows = append(words.rows, [2]string{c.Text, c.Doc})
			}
		}
		flags := helpTable{heading: cli.GroupFilter, before: cli.GroupFilter + ", which must all hold, and the filter too:"}
		for _, def := range filter.Flags() {
			value := " " + def.Arg
			if def.Optional {
				value = " [" + def.Arg + "]"
			}
			flags.rows = append(flags.rows, [2]string{flagNames(&def) + value, def.Usage})
		}
		return []helpTable{fields, words, flags}
	},
}
