package cli

import "natlens/monitor/filter"

const topicFilters = "filters"

// FiltersTopic is the page about filters: the words that a condition may begin
// with, and conntrack(8)'s flags.
var FiltersTopic = Topic{
	Name:  topicFilters,
	Short: "The words of a filter, and conntrack(8)'s flags",
	Long: `A filter consists of conditions, joined by and, or, not and brackets. Conditions side by side must all
hold. Quote the characters that the shell interprets: ( ) < > & | ! { }.

  tcp dport 443
  snat and reply.dport in 1024..2047
  not dst 10.0.0.0/8 or state syn_sent
  mark & 0xff == 0x10 and bytes > 1M

Comparisons are == != < <= > >= in {…} in A..B; == can be omitted. Write lists with commas: dport 80,443.`,
	Tables: func() []Table {
		fields := Table{Heading: "Fields, to compare with a value"}
		words := Table{Heading: "Words that are conditions without a value"}
		for _, c := range (filter.Env{}).Complete("", 0) {
			switch c.Kind {
			case filter.CandidateField:
				fields.Rows = append(fields.Rows, [2]string{c.Text, c.Doc})
			case filter.CandidateWord:
				words.Rows = append(words.Rows, [2]string{c.Text, c.Doc})
			}
		}
		flags := Table{Heading: GroupFilter, Before: GroupFilter + "; all of them and the filter must hold:"}
		for _, def := range filter.Flags() {
			value := " " + def.Arg
			if def.Optional() {
				value = " [" + def.Arg + "]"
			}
			flags.Rows = append(flags.Rows, [2]string{flagNames(&def) + value, def.Usage})
		}
		return []Table{fields, words, flags}
	},
}
