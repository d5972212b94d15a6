package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"natlens/export/text"
)

// Table is a part of a page of help: words and what they mean.
type Table struct {
	Heading string
	Before  string // a sentence in front of the words
	Rows    [][2]string
}

// Topic is a page of help that belongs to no command. "natlens help" and
// "natlens man" write it from here.
type Topic struct {
	Name, Short, Long string
	Tables            func() []Table
}

// writeTopic writes the tables of a topic.
func writeTopic(b *strings.Builder, t *Topic, width int) {
	for _, table := range t.Tables() {
		if table.Before == "" {
			fmt.Fprintf(b, "\n%s:\n", table.Heading)
		} else {
			b.WriteString("\n")
			writeWrapped(b, table.Before, width)
		}
		writeTable(b, table.Rows, width)
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
		text := Wrapped(r[1], max(width-left-4, 20))
		b.WriteString("  " + strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", left+4)) + "\n")
	}
}

// The headings of what the manual has in sections of their own.
const (
	headingExit        = "Exit status"
	headingEnvironment = "Environment"
	headingFiles       = "Files"
)

// FilesTopic says what natlens reads beside its command line, and how it ends.
var FilesTopic = Topic{
	Name:  "files",
	Short: "Exit codes, environment and files",
	Long:  "An error is one line on standard error, and the exit code tells which kind it was.",
	Tables: func() []Table {
		return []Table{
			{Heading: headingExit, Rows: [][2]string{
				{"0", "all went well; also when the reader of a pipe went away"},
				{"1", "the world did not allow it: a missing privilege, an entry that is not there, a full disk; with doctor: something is wrong"},
				{"2", "the command line made no sense"},
			}},
			{Heading: headingEnvironment, Rows: [][2]string{
				{"NO_COLOR", "any text: no colour"},
				{"TERM, COLORTERM", "what the terminal can draw; TERM=dumb: no colour"},
				{"COLORFGBG", "several terminals tell by it whether their background is light"},
				{"XDG_STATE_HOME, HOME", "where the UI keeps the filters that were typed"},
			}},
			{Heading: headingFiles, Rows: [][2]string{
				{text.LabelFile, "names of connection labels: a line is the number of a bit and its name"},
				{"/etc/services", "names of ports in the UI"},
				{"/run/netns", "names of network namespaces, as ip-netns(8) keeps them"},
				{"$XDG_STATE_HOME/natlens/filters", "filters typed in the UI; without the variable in ~/.local/state"},
			}},
		}
	},
}

// Markdown is the topic as a page: its text, and the tables as lists of definitions.
func (t *Topic) Markdown() string {
	var b strings.Builder
	// Lines with two blanks before them are code, which takes four in Markdown.
	b.WriteString(strings.ReplaceAll(t.Long, "\n  ", "\n    ") + "\n")
	for _, table := range t.Tables() {
		fmt.Fprintf(&b, "\n# %s\n", strings.ToUpper(table.Heading))
		if table.Before != "" {
			b.WriteString(table.Before + "\n")
		}
		for _, r := range table.Rows {
			fmt.Fprintf(&b, "\n**%s**\n: %s\n", strings.TrimSpace(markdown.Replace(r[0])), markdown.Replace(r[1]))
		}
	}
	return b.String()
}

// markdown escapes what Markdown would read as its own.
var markdown = strings.NewReplacer(`*`, `\*`, `_`, `\_`, "`", "\\`", `<`, `\<`, `>`, `\>`, `[`, `\[`, `]`, `\]`, `|`, `\|`)
