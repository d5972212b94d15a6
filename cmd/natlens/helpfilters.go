package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"natlens/monitor/filter"
)

// topicFilters is what "natlens help" calls the page about filters.
const topicFilters = "filters"

func newFiltersTopic() *cobra.Command {
	return &cobra.Command{
		Use:   topicFilters,
		Short: "(topic) The words of a filter, and conntrack(8)'s flags",
		Long: `A filter is made of conditions with and, or, not and brackets between them. Conditions side by side must all hold. Quote what the shell would take for itself: ( ) < > & | ! { }.

  tcp dport 443
  snat and reply.dport in 1024..2047
  not dst 10.0.0.0/8 or state syn_sent
  mark & 0xff == 0x10 and bytes > 1M

Comparisons are == != < <= > >= in {…} in A..B; == may be left out. Lists are written with commas: dport 80,443. docs/filters.md is the whole reference.`,
	}
}

// writeFilters writes the words that a condition may begin with, and
// conntrack(8)'s flags.
func writeFilters(b *strings.Builder, width int) {
	var fields, words [][2]string
	for _, c := range filter.Complete("", 0) {
		switch c.Kind {
		case filter.CandidateField:
			fields = append(fields, [2]string{c.Text, c.Doc})
		case filter.CandidateWord:
			words = append(words, [2]string{c.Text, c.Doc})
		}
	}
	b.WriteString("\nFields, which are compared:\n")
	writeTable(b, fields, width)
	b.WriteString("\nWords that are a condition by themselves:\n")
	writeTable(b, words, width)
	b.WriteString("\n")
	writeWrapped(b, groupFilter+", which must all hold, and the filter too:", width)
	var flags [][2]string
	for _, def := range filter.Flags() {
		value := " " + def.Arg
		if def.Optional {
			value = " [" + def.Arg + "]"
		}
		flags = append(flags, [2]string{flagNames(&def) + value, def.Usage})
	}
	writeTable(b, flags, width)
}

// writeTable writes words and what they mean, wrapped beside the words.
func writeTable(b *strings.Builder, rows [][2]string, width int) {
	left := 0
	for _, r := range rows {
		left = max(left, utf8.RuneCountInString(r[0]))
	}
	left = min(left, width*2/5)
	for _, r := range rows {
		fmt.Fprintf(b, "  %-*s", left, r[0])
		if utf8.RuneCountInString(r[0]) > left {
			fmt.Fprintf(b, "\n  %*s", left, "")
		}
		text := strings.TrimRight(ansi.Wordwrap(r[1], max(width-left-4, 20), ""), "\n")
		b.WriteString("  " + strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", left+4)) + "\n")
	}
}
