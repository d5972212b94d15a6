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

// SetHelp adds help to the tree of commands.
func SetHelp(con Console, root *cobra.Command) {
	show := func(cmd *cobra.Command) error {
		width := 80
		if w, ok := Terminal(con.Stdout); ok {
			width = min(max(w, 60), 120)
		}
		help := Help(cmd, width)
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
func Help(cmd *cobra.Command, width int) string {
	var b strings.Builder
	b.WriteString(Wrapped(cmp.Or(cmd.Long, cmd.Short), width) + "\n")
	if cmd.IsAdditionalHelpTopicCommand() {
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
		rows := ""
		for _, sub := range listed(cmd) {
			rows += Row(sub.Name(), sub.Short)
		}
		b.WriteString(Wrapped(rows+"\n"+cmd.Root().Name()+" help COMMAND describes a command or topic.", width) + "\n")
	}
	return b.String()
}

// LeaveOut removes from the help of a command, and of its subcommands, what contains one of the words: paragraphs,
// examples, and lines of topics.
func LeaveOut(cmd *cobra.Command, words []string) {
	leave := func(text, end string) string {
		return strings.Join(slices.DeleteFunc(strings.Split(text, end), func(piece string) bool {
			return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(piece, w) })
		}), end)
	}
	end := "\n\n"
	if cmd.IsAdditionalHelpTopicCommand() {
		end = "\n"
	}
	cmd.Long, cmd.Example = leave(cmd.Long, end), leave(cmd.Example, "\n")
	for _, sub := range cmd.Commands() {
		LeaveOut(sub, words)
	}
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

// Wrapped wraps text between words, but not at a hyphen, which may begin a flag. It joins the lines of each paragraph
// that is not indented. Descriptions of rows are wrapped beside the words of their paragraph.
func Wrapped(text string, width int) string {
	paragraphs := strings.Split(strings.TrimRight(text, "\n"), "\n\n")
	for i, p := range paragraphs {
		switch head, rows, _ := strings.Cut("\n"+p, "\n  "); {
		case strings.Contains(rows, "\t"):
			head = Wrapped(strings.TrimPrefix(head, "\n"), width) + "\n"
			paragraphs[i] = strings.TrimPrefix(head, "\n") + beside(rows, width)
		case !strings.HasPrefix(p, " "):
			paragraphs[i] = wordwrap(strings.ReplaceAll(p, "\n", " "), width)
		default:
			paragraphs[i] = wordwrap(p, width)
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

func wordwrap(text string, width int) string {
	const unbroken = "\u2011" // non-breaking hyphen
	return strings.ReplaceAll(ansi.Wordwrap(strings.ReplaceAll(text, "-", unbroken), width, ""), unbroken, "-")
}

// beside writes words with their descriptions, wrapped beside the words.
func beside(rows string, width int) string {
	var b strings.Builder
	left := 0
	for row := range strings.SplitSeq(rows, "\n  ") {
		word, _, _ := strings.Cut(row, "\t")
		left = max(left, utf8.RuneCountInString(word))
	}
	left = min(left, width*2/5)
	for row := range strings.SplitSeq(rows, "\n  ") {
		word, means, _ := strings.Cut(row, "\t")
		fmt.Fprintf(&b, "\n  %-*s", left, word)
		if utf8.RuneCountInString(word) > left {
			fmt.Fprintf(&b, "\n  %*s", left, "")
		}
		text := wordwrap(means, max(width-left-4, 20))
		b.WriteString("  " + strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", left+4)))
	}
	return b.String()[1:]
}
