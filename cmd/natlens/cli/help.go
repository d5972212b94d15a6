package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/export/text"
	"natlens/monitor/filter"
)

// The groups of flags in help, after the flags without a group.
const (
	GroupOutput = "Output"
	GroupKernel = "Kernel"
	GroupFilter = "Flags of conntrack(8)"
)

// groupNote is the annotation of a flag that names its group.
const groupNote = "natlens_group"

// InGroup puts registered flags into a group. It panics if there is no such flag.
func InGroup(f *pflag.FlagSet, group string, names ...string) {
	for _, name := range names {
		if err := f.SetAnnotation(name, groupNote, []string{group}); err != nil {
			panic(err)
		}
	}
}

// SetHelp adds help to the tree of commands, and the topics.
func SetHelp(con Console, root *cobra.Command, topics ...Topic) {
	for _, t := range topics {
		root.AddCommand(&cobra.Command{Use: t.Name, Short: "(topic) " + t.Short, Long: t.Long})
	}
	show := func(cmd *cobra.Command) error {
		width := 80
		if w, ok := Terminal(con.Stdout); ok {
			width = min(max(w, 60), 120)
		}
		help := Help(cmd, topics, width)
		if con.ASCII() {
			help = string(text.ASCII([]byte(strings.ReplaceAll(help, "…", "..."))))
		}
		_, err := io.WriteString(con.Stdout, help)
		return err
	}
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = show(cmd) })
	root.SetUsageFunc(show)
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [command]",
		Short: "Show help about a command or topic",
		RunE: func(_ *cobra.Command, words []string) error {
			cmd, rest, err := root.Find(words)
			if err != nil {
				return Usage(err)
			}
			if len(rest) > 0 {
				return UnknownCommand(cmd, rest[0])
			}
			return show(cmd)
		},
		ValidArgsFunction: CompleteCommands,
	})
}

// Help returns the help of a command (what it does, its usage, and its flags by groups) or of a
// topic.
func Help(cmd *cobra.Command, topics []Topic, width int) string {
	var b strings.Builder
	b.WriteString(Wrapped(cmp.Or(cmd.Long, cmd.Short), width) + "\n")
	if i := slices.IndexFunc(topics, func(t Topic) bool { return t.Name == cmd.Name() }); i >= 0 {
		topics[i].write(&b, width)
		return b.String()
	}
	cmd.InitDefaultHelpFlag()
	if cmd.Runnable() && cmd.HasParent() {
		fmt.Fprintf(&b, "\nUsage:\n  %s\n", cmd.UseLine())
	} else if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nUsage:\n  %s COMMAND [flags]\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	// The commands come last, where a terminal still shows them.
	writeFlags(&b, cmd, width)
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		var rows [][2]string
		for _, sub := range listed(cmd) {
			rows = append(rows, [2]string{sub.Name(), sub.Short})
		}
		writeRows(&b, rows, width)
		b.WriteString("\n" + Wrapped(cmd.Root().Name()+" help COMMAND describes a command or topic.", width) + "\n")
	}
	return b.String()
}

func listed(cmd *cobra.Command) (subs []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
			subs = append(subs, sub)
		}
	}
	return subs
}

// writeFlags writes the flags by groups. It writes only the names of conntrack(8)'s flags,
// because there are many.
func writeFlags(b *strings.Builder, cmd *cobra.Command, width int) {
	groups := map[string]*pflag.FlagSet{}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		name := "Flags"
		if note := f.Annotations[groupNote]; len(note) > 0 {
			name = note[0]
		}
		if groups[name] == nil {
			groups[name] = pflag.NewFlagSet(name, pflag.ContinueOnError)
		}
		groups[name].AddFlag(f)
	})
	for _, name := range []string{"Flags", GroupOutput, GroupKernel} {
		if g := groups[name]; g != nil && g.HasAvailableFlags() {
			fmt.Fprintf(b, "\n%s:\n%s", name, g.FlagUsagesWrapped(width))
		}
	}
	if groups[GroupFilter] == nil {
		return
	}
	var names []string
	for _, def := range filter.Flags() {
		names = append(names, strings.TrimSpace(flagNames(&def)))
	}
	text := strings.ReplaceAll(Wrapped(strings.Join(names, "; "), width-2), "\n", "\n  ")
	fmt.Fprintf(b, "\n%s:\n  %s\n%s\n", GroupFilter, text, Wrapped(cmd.Root().Name()+" help "+topicFilters+" "+
		"describes them.", width))
}

// flagNames returns the names of a flag as in help: "-p, --proto".
func flagNames(def *filter.Flag) string {
	if def.Short == 0 {
		return "    --" + def.Name
	}
	return "-" + string(def.Short) + ", --" + def.Name
}

// Wrapped joins the lines of each paragraph that is not indented, and wraps them between words.
// It does not break at a hyphen, which may begin a flag.
func Wrapped(text string, width int) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") {
			paragraphs[i] = strings.ReplaceAll(p, "\n", " ")
		}
	}
	const unbroken = "\u2011" // non-breaking hyphen
	text = ansi.Wordwrap(strings.ReplaceAll(strings.Join(paragraphs, "\n\n"), "-", unbroken), width, "")
	return strings.TrimRight(strings.ReplaceAll(text, unbroken, "-"), "\n")
}

// writeRows writes words with their descriptions, wrapped beside the words.
func writeRows(b *strings.Builder, rows [][2]string, width int) {
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
