package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/monitor/filter"
)

// SetHelp adds help to the tree of commands, with topics that belong to no command.
func SetHelp(con Console, root *cobra.Command, topics ...Topic) {
	for _, t := range topics {
		root.AddCommand(&cobra.Command{Use: t.Name, Short: "(topic) " + t.Short, Long: t.Long})
	}
	show := func(cmd *cobra.Command) error {
		var b strings.Builder
		WriteHelp(&b, cmd, topics, helpWidth(con))
		_, err := io.WriteString(con.Stdout, b.String())
		return err
	}
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = show(cmd) })
	root.SetUsageFunc(show)
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [command]",
		Short: "Help about a command, or about filters",
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

// CompleteCommands offers the commands and topics that there is help about.
func CompleteCommands(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	about, rest, err := cmd.Root().Find(args)
	if err == nil && len(rest) == 0 {
		for _, sub := range about.Commands() {
			if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
				names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// helpWidth is how wide help may be: the terminal's width, within limits that
// read well.
func helpWidth(con Console) int {
	width, ok := Terminal(con.Stdout)
	if !ok {
		return 80
	}
	return min(max(width, 60), 120)
}

// WriteHelp writes what the command does, how it is called, and its flags by
// groups.
func WriteHelp(b *strings.Builder, cmd *cobra.Command, topics []Topic, width int) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	writeWrapped(b, Reflow(text), width)
	for i := range topics {
		if topics[i].Name == cmd.Name() {
			writeTopic(b, &topics[i], width)
			return
		}
	}
	cmd.InitDefaultHelpFlag()
	if cmd.Runnable() && cmd.HasParent() {
		fmt.Fprintf(b, "\nUsage:\n  %s\n", cmd.UseLine())
	} else if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(b, "\nUsage:\n  %s COMMAND [flags]\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(b, "\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	// What was asked for stands last, where a terminal still shows it.
	writeGroups(b, cmd, width)
	writeCommands(b, cmd, width)
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\n")
		writeWrapped(b, cmd.Root().Name()+" help COMMAND says more about a command.", width)
	}
}

func writeCommands(b *strings.Builder, cmd *cobra.Command, width int) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	b.WriteString("\nCommands:\n")
	var rows [][2]string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
			rows = append(rows, [2]string{sub.Name(), sub.Short})
		}
	}
	writeTable(b, rows, width)
}

// Reflow joins the lines of each paragraph, but for indented ones.
func Reflow(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") {
			paragraphs[i] = strings.ReplaceAll(p, "\n", " ")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// writeWrapped writes text in lines that fit.
func writeWrapped(b *strings.Builder, text string, width int) {
	b.WriteString(Wrapped(text, width) + "\n")
}

// Wrapped breaks text between words, and never at a hyphen: it may begin a flag.
func Wrapped(text string, width int) string {
	const unbroken = "\u2011" // non-breaking hyphen
	text = ansi.Wordwrap(strings.ReplaceAll(text, "-", unbroken), width, "")
	return strings.TrimRight(strings.ReplaceAll(text, unbroken, "-"), "\n")
}

// writeGroups writes the command's flags. Those of conntrack(8) are many, and
// known to who wants them: they are named only.
func writeGroups(b *strings.Builder, cmd *cobra.Command, width int) {
	groups := map[string]*pflag.FlagSet{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "Flags"
		if note := f.Annotations[GroupNote]; len(note) > 0 {
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
	fmt.Fprintf(b, "\n%s:\n", GroupFilter)
	var cells []string
	for _, def := range filter.Flags() {
		cells = append(cells, FlagNames(&def))
	}
	writeColumns(b, cells, width)
	writeWrapped(b, cmd.Root().Name()+" help "+topicFilters+" describes them, and the words of a filter.", width)
}

// FlagNames is a filter flag as help names it: "-p, --proto".
func FlagNames(def *filter.Flag) string {
	if def.Short == 0 {
		return "    --" + def.Name
	}
	return "-" + string(def.Short) + ", --" + def.Name
}

// writeColumns writes cells in as many columns as fit, read downwards.
func writeColumns(b *strings.Builder, cells []string, width int) {
	cell := 0
	for _, c := range cells {
		cell = max(cell, utf8.RuneCountInString(c)+2)
	}
	columns := max(1, (width-2)/cell)
	rows := (len(cells) + columns - 1) / columns
	for r := range rows {
		line := "  "
		for i := r; i < len(cells); i += rows {
			line += fmt.Sprintf("%-*s", cell, cells[i])
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
