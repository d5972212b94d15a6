package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/classic"
	"natlens/export/conntrack"
	"natlens/export/text"
)

// helpTable is a part of a page of help: words and what they mean.
type helpTable struct {
	heading string
	before  string // a sentence in front of the words
	rows    [][2]string
}

// topic is a page of help that belongs to no command. "natlens help" and
// "natlens man" write it from here.
type topic struct {
	name, short, long string
	tables            func() []helpTable
}

// topics are all of them, in the order of the manual.
var topics = []topic{filtersTopic, conntrackTopic, filesTopic}

// topicNamed returns the topic that a command stands for, nil for a real command.
func topicNamed(name string) *topic {
	i := slices.IndexFunc(topics, func(t topic) bool { return t.name == name })
	if i < 0 {
		return nil
	}
	return &topics[i]
}

// newTopics makes the commands that cobra knows topics by.
func newTopics() (all []*cobra.Command) {
	for _, t := range topics {
		all = append(all, &cobra.Command{Use: t.name, Short: "(topic) " + t.short, Long: t.long})
	}
	return all
}

// writeTopic writes the tables of a topic.
func writeTopic(b *strings.Builder, t *topic, width int) {
	for _, table := range t.tables() {
		if table.before == "" {
			fmt.Fprintf(b, "\n%s:\n", table.heading)
		} else {
			b.WriteString("\n")
			writeWrapped(b, table.before, width)
		}
		writeTable(b, table.rows, width)
	}
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
		text := wrapped(r[1], max(width-left-4, 20))
		b.WriteString("  " + strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", left+4)) + "\n")
	}
}

// conntrackTopic says what conntrack(8)'s letters are here.
var conntrackTopic = topic{
	name:  "conntrack",
	short: "conntrack(8)'s letters, and the commands behind them",
	long: `natlens takes the command lines of conntrack(8): the same letters and flags, the same lines on standard output, the same exit codes. A word behind the letter may name a table, whole or cut short: conntrack, expect, dying, unconfirmed.

  natlens -L -p tcp --dport 443 -o extended
  natlens -E expect
  natlens -D -s 192.0.2.7

What natlens has not says so, with exit code 2: -R. docs/conntrack.md has the table of all flags, and tells where natlens differs and why.`,
	tables: func() []helpTable {
		letters := helpTable{heading: "Letters"}
		for _, c := range classic.Commands {
			term, meaning := "-"+string(c.Letter), "natlens "+c.Name
			for _, long := range c.Long {
				term += ", --" + long
			}
			if c.Expect {
				meaning += "; with the word expect, natlens expect " + c.Name
			}
			letters.rows = append(letters.rows, [2]string{term, meaning})
		}
		modifiers := helpTable{heading: "Modifiers of -o", rows: conntrack.ModifierHelp(),
			before: "Modifiers of -o, with commas between them; natlens's own commands take them as -o conntrack,NAME:"}
		return []helpTable{letters, modifiers}
	},
}

// The headings of what the manual has in sections of their own.
const (
	headingExit        = "Exit status"
	headingEnvironment = "Environment"
	headingFiles       = "Files"
)

// filesTopic says what natlens reads beside its command line, and how it ends.
var filesTopic = topic{
	name:  "files",
	short: "Exit codes, environment and files",
	long:  "An error is one line on standard error, and the exit code tells which kind it was.",
	tables: func() []helpTable {
		return []helpTable{
			{heading: headingExit, rows: [][2]string{
				{"0", "all went well; also when the reader of a pipe went away"},
				{"1", "the world did not allow it: a missing privilege, an entry that is not there, a full disk; with doctor: something is wrong"},
				{"2", "the command line made no sense"},
			}},
			{heading: headingEnvironment, rows: [][2]string{
				{"NO_COLOR", "any text: no colour"},
				{"TERM, COLORTERM", "what the terminal can draw; TERM=dumb: no colour"},
				{"COLORFGBG", "several terminals tell by it whether their background is light"},
				{"XDG_STATE_HOME, HOME", "where the UI keeps the filters that were typed"},
			}},
			{heading: headingFiles, rows: [][2]string{
				{text.LabelFile, "names of connection labels: a line is the number of a bit and its name"},
				{"/etc/services", "names of ports in the UI"},
				{"/run/netns", "names of network namespaces, as ip-netns(8) keeps them"},
				{"$XDG_STATE_HOME/natlens/filters", "filters typed in the UI; without the variable in ~/.local/state"},
			}},
		}
	},
}
