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
	Long:  "An error is one line on standard error. The exit code is the kind of error.",
	Tables: func() []Table {
		return []Table{
			{Heading: "Exit status", Rows: [][2]string{
				{"0", "success; also if the reader of a pipe closed it"},
				{"1", "failure: a missing privilege, an entry that does not exist, a full disk; with doctor: " +
					"something is wrong"},
				{"2", "the command line is wrong"},
			}},
			{Heading: "Environment", Rows: [][2]string{
				{"NO_COLOR", "any text: no colour"},
				{"TERM, COLORTERM", "colours of the terminal; TERM=dumb: no colour"},
				{"COLORFGBG", "set by some terminals: whether the background is light"},
				{"LC_ALL, LC_CTYPE, LANG", "a locale without UTF-8: ASCII only"},
				{"XDG_STATE_HOME, HOME", "where the UI saves the filters that you typed"},
			}},
			{Heading: "Files", Rows: [][2]string{
				{text.LabelFile, "names of connection labels: each line has a bit number and a name"},
				{"/etc/services", "names of ports in the UI"},
				{"/run/netns", "names of network namespaces, made by ip-netns(8)"},
				{"$XDG_STATE_HOME/natlens/filters", "filters that you typed in the UI; if the variable is not set, in ~/.local/state"},
			}},
		}
	},
}
