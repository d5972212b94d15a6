package cli

import (
	"fmt"
	"strings"

	"natlens/export/text"
)

// Topic is a page of help that belongs to no command.
type Topic struct {
	Name, Short, Long string
	Tables            func() []Table
}

// Table is a part of a topic: words and what they mean.
type Table struct {
	Heading string
	Before  string // a sentence in place of the heading
	Rows    [][2]string
}

func (t *Topic) write(b *strings.Builder, width int) {
	for _, table := range t.Tables() {
		if table.Before == "" {
			fmt.Fprintf(b, "\n%s:\n", table.Heading)
		} else {
			b.WriteString("\n" + Wrapped(table.Before, width) + "\n")
		}
		writeRows(b, table.Rows, width)
	}
}

// FilesTopic is about what natlens reads beside its command line, and how it ends.
var FilesTopic = Topic{
	Name:  "files",
	Short: "Exit codes, environment and files",
	Long:  "An error is one line on standard error. The exit code says of which kind it is.",
	Tables: func() []Table {
		return []Table{
			{Heading: "Exit status", Rows: [][2]string{
				{"0", "success; also if the reader of a pipe has gone"},
				{"1", "failure: a missing privilege, an entry that does not exist, a full disk; with doctor: " +
					"something is wrong"},
				{"2", "the command line is wrong"},
			}},
			{Heading: "Environment", Rows: [][2]string{
				{"NO_COLOR", "any text: no colour"},
				{"TERM, COLORTERM", "what the terminal can draw; TERM=dumb: no colour"},
				{"COLORFGBG", "set by several terminals: whether their background is light"},
				{"LC_ALL, LC_CTYPE, LANG", "a locale without UTF-8: ASCII only"},
				{"XDG_STATE_HOME, HOME", "where the UI keeps the filters that were typed"},
			}},
			{Heading: "Files", Rows: [][2]string{
				{text.LabelFile, "names of connection labels: a line has the number of a bit and its name"},
				{"/etc/services", "names of ports in the UI"},
				{"/run/netns", "names of network namespaces, as ip-netns(8) keeps them"},
				{"$XDG_STATE_HOME/natlens/filters", "filters typed in the UI; without the variable in ~/.local/state"},
			}},
		}
	},
}
