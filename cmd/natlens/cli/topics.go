package cli

import (
	"fmt"
	"strings"

	"natlens/export/text"
	"natlens/monitor/config"
	"natlens/monitor/filter"
	"natlens/monitor/findings"
)

// Topic is a page of help that belongs to no command.
type Topic struct {
	Name, Short, Long string
	Tables            func() []Table
}

// Table is a part of a topic: words with their descriptions.
type Table struct {
	Heading string
	Before  string // a sentence instead of the heading
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

// FilesTopic is about exit codes, the environment and files.
var FilesTopic = Topic{
	Name:  "files",
	Short: "Exit codes, environment and files",
	Long:  "An error is one line on standard error. The exit code is the kind of error.",
	Tables: func() []Table {
		return []Table{
			{Heading: "Exit status", Rows: [][2]string{
				{"0", "success; also if the reader of a pipe closed it"},
				{"1", "failure: a missing privilege, an entry that does not exist, a full disk; with doctor: " +
					"something is wrong; with why: it does not work, or no packet came"},
				{"2", "the command line or a configuration file is wrong"},
			}},
			{Heading: "Environment", Rows: [][2]string{
				{"NO_COLOR", "any text: no colour"},
				{"TERM, COLORTERM", "colours of the terminal; TERM=dumb: no colour"},
				{"COLORFGBG", "set by some terminals: whether the background is light"},
				{"LC_ALL, LC_CTYPE, LANG", "a locale without UTF-8: ASCII only"},
				{"XDG_STATE_HOME, HOME", "where the UI saves the filters that you typed"},
				{"XDG_CONFIG_HOME, HOME", "where the configuration file is"},
			}},
			{Heading: "Files", Rows: [][2]string{
				{config.SystemFile, "configuration; natlens help config describes it"},
				{"$XDG_CONFIG_HOME/natlens/config.toml", "the user's configuration, over that of the system; " +
					"without the variable, in ~/.config"},
				{"views.toml beside it", "columns and views that the UI has saved"},
				{text.LabelFile, "names of connection labels: each line has a bit number and a name"},
				{"/etc/services", "names of ports in the UI"},
				{"/run/netns", "names of network namespaces, made by ip-netns(8)"},
				{"$XDG_STATE_HOME/natlens/filters", "filters that you typed in the UI; without the variable, in " +
					"~/.local/state"},
			}},
		}
	},
}

const topicFilters = "filters"

// FiltersTopic is about filters: the words that can begin a condition, and conntrack(8)'s
// flags.
var FiltersTopic = Topic{
	Name:  topicFilters,
	Short: "The words of a filter, and conntrack(8)'s flags",
	Long: `A filter consists of conditions, joined by and, or, not and brackets. Conditions side by side must all
hold. Quote the characters that the shell interprets: ( ) < > & | ! { }.

  tcp dport 443
  snat and reply.dport in 1024..2047
  not dst 10.0.0.0/8 or state syn_sent
  mark & 0xff == 0x10 and bytes > 1M
  10.0.0.0/8 https
  ~ curl or ~ /nginx|apache/

Comparisons are == != < <= > >= in {…} in A..B; == can be omitted. Write lists with commas: dport 80,443. An address,
a network, a port and the name of a protocol need no field. ~ searches a text or a regular expression in all that a row
can show.`,
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
		flags := Table{Heading: GroupFilter, Before: GroupFilter + ". All of them and the filter must hold:"}
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

// FindingsTopic is about findings: the rules and the thresholds.
var FindingsTopic = Topic{
	Name:  "findings",
	Short: "The rules of findings, and their thresholds",
	Long: `A finding reports something that is wrong with the traffic of a gateway. Rules check the flow table and
the stream of events, and every flow, whatever the filter selects. A finding appears when its count reaches the
threshold. It is cleared when its count was below half of the threshold twice in a row.

  natlens watch --findings
  natlens watch --findings -o jsonl false
  natlens watch --findings --threshold syn-unanswered=50 --threshold window=30s
  natlens doctor --for 30s

Severity: with info no connection fails. With warn some connections fail, or will soon. With fail connections fail
now.`,
	Tables: func() []Table {
		rules := Table{Heading: "Rules"}
		for _, r := range findings.Rules() {
			rules.Rows = append(rules.Rows, [2]string{r.ID, fmt.Sprintf("%s %s (%s)", r.Means, r.Why, r.Severity)})
		}
		thresholds := Table{Heading: "Values of --threshold, with the defaults"}
		for _, t := range findings.AllThresholds() {
			thresholds.Rows = append(thresholds.Rows, [2]string{t.Name + "=" + t.Default, t.Means})
		}
		return []Table{rules, thresholds}
	},
}
