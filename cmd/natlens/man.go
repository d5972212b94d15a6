package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/cmd/natlens/classic"
	"natlens/cmd/natlens/cli"
	"natlens/export"
)

func newMan(con cli.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "man [command]",
		Short: "Print the manual page",
		Long:  `Print the manual as a page for man(1): natlens(1), or that of one command. It is made from what help says, of the commands that this natlens has.`,
		Example: `  natlens man | man -l -
  natlens man watch | man -l -
  natlens man > natlens.1`,
		RunE: func(cmd *cobra.Command, words []string) error {
			about, rest, err := cmd.Root().Find(words)
			if err != nil || len(rest) > 0 {
				return cli.UnknownCommand(cmd.Root(), words[0])
			}
			_, err = io.WriteString(con.Stdout, manPage(about, committed(debug.ReadBuildInfo())))
			return err
		},
		ValidArgsFunction: cli.CompleteCommands,
	}
}

// committed is the day on which what was built was committed, "" where the build
// does not know: builds of the same sources make the same pages, whenever they are.
func committed(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
			return at.UTC().Format(time.DateOnly)
		}
	}
	return ""
}

// manPage is the manual page of a command, with its date; that of the root is about
// all of them.
func manPage(cmd *cobra.Command, date string) string {
	p := new(roffPage)
	section, name := 1, strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	short, isTopic := strings.CutPrefix(cmd.Short, "(topic) ")
	if isTopic {
		section = 7
	}
	p.title(name, section, date, strings.TrimSpace("natlens "+cli.Version))
	p.section("NAME")
	fmt.Fprintf(p, "%s \\- %s\n", roffText(name), roffText(strings.ToLower(short[:1])+short[1:]))
	switch {
	case isTopic:
		p.section("DESCRIPTION")
		p.Text(cli.Reflow(cmd.Long))
		for _, t := range topicNamed(cmd.Name()).Tables() {
			p.section(strings.ToUpper(t.Heading))
			p.table(t)
		}
	case cmd.HasParent():
		p.Command(cmd)
	default:
		p.whole(cmd)
	}
	p.seeAlso(cmd)
	return p.String()
}

// Command writes the sections of one command.
func (p *roffPage) Command(cmd *cobra.Command) {
	p.section("SYNOPSIS")
	p.synopsis(cmd)
	p.section("DESCRIPTION")
	p.Text(cli.Reflow(cmp.Or(cmd.Long, cmd.Short)))
	for _, sub := range subcommands(cmd) {
		p.subsection(strings.TrimPrefix(sub.CommandPath(), cmd.Root().Name()+" "))
		p.Text(cli.Reflow(cmp.Or(sub.Long, sub.Short)))
		p.flags(ownFlags(sub))
	}
	groups := flagGroups(cmd)
	for _, g := range []struct{ group, heading string }{
		{groupNone, "OPTIONS"}, {cli.GroupOutput, "OPTIONS OF OUTPUT"}, {cli.GroupKernel, "OPTIONS OF THE KERNEL"},
	} {
		if flags := groups[g.group]; len(flags) > 0 {
			p.section(g.heading)
			p.flags(flags)
		}
	}
	if groups[cli.GroupFilter] != nil {
		tables := cli.FiltersTopic.Tables()
		p.section("FILTERS")
		p.Text(cli.Reflow(cli.FiltersTopic.Long))
		p.table(tables[len(tables)-1])
	}
	if cmd.HasExample() {
		p.section("EXAMPLES")
		p.example(cmd.Example)
	}
}

// whole writes the sections of natlens itself: everything that help says, flags
// that several commands take once.
func (p *roffPage) whole(root *cobra.Command) {
	p.section("SYNOPSIS")
	p.WriteString(".PD 0\n")
	for _, cmd := range allCommands(root) {
		p.synopsis(cmd)
	}
	var letters []string
	for _, c := range classic.Commands {
		letters = append(letters, "-"+string(c.Letter))
	}
	fmt.Fprintf(p, ".PP\n%s %s [table] [flags]\n.PD\n", bold(root.Name()), roffText(strings.Join(letters, "|")))
	p.section("DESCRIPTION")
	p.Text(cli.Reflow(cmp.Or(root.Long, root.Short)))
	common := commonFlags(root)
	p.section("OPTIONS")
	p.options(root, common)
	p.section("COMMANDS")
	for _, cmd := range allCommands(root)[1:] {
		p.subsection(strings.TrimPrefix(cmd.CommandPath(), root.Name()+" "))
		p.Text(cli.Reflow(cmp.Or(cmd.Long, cmd.Short)))
		p.options(cmd, common)
		if cmd.HasExample() {
			p.example(cmd.Example)
		}
	}
	p.section("COMMON OPTIONS")
	p.Text("Several of the commands take these. Which, it says there.")
	p.flags(common)
	p.section("OUTPUT FORMATS")
	for _, f := range export.Formats() {
		p.item(bold(f.Name), f.Help)
	}
	p.topic("FILTERS", &cli.FiltersTopic)
	p.topic("CONNTRACK(8)", topicNamed("conntrack"))
	for _, t := range cli.FilesTopic.Tables() {
		p.section(strings.ToUpper(t.Heading))
		p.table(t)
	}
	if root.HasExample() {
		p.section("EXAMPLES")
		p.example(root.Example)
	}
}

// options writes the flags that are a command's own, and the names of the common
// ones that it takes.
func (p *roffPage) options(cmd *cobra.Command, common flagList) {
	var own flagList
	var also []string
	for _, f := range ownFlags(cmd) {
		if common.Has(f) {
			also = append(also, bold("--"+f.Name))
		} else {
			own = append(own, f)
		}
	}
	if flagGroups(cmd)[cli.GroupFilter] != nil {
		also = append(also, "the flags of "+bold("FILTERS"))
	}
	p.flags(own)
	if len(also) > 0 {
		p.paragraph()
		fmt.Fprintf(p, "It also takes %s.\n", strings.Join(also, ", "))
	}
}

// topic writes a topic as a section, its tables below it.
func (p *roffPage) topic(heading string, t *cli.Topic) {
	p.section(heading)
	p.Text(cli.Reflow(t.Long))
	for _, table := range t.Tables() {
		p.subsection(table.Heading)
		p.table(table)
	}
}

// synopsis writes one line of how a command is called.
func (p *roffPage) synopsis(cmd *cobra.Command) {
	use := strings.TrimSuffix(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath()), " [flags]")
	p.paragraph()
	fmt.Fprintf(p, "%s%s\n", bold(cmd.CommandPath()), roffText(use))
}

// flags writes flags and what they mean.
func (p *roffPage) flags(flags flagList) {
	for _, f := range flags {
		value, usage := pflag.UnquoteUsage(f)
		term := bold("--" + f.Name)
		if f.Shorthand != "" {
			term = bold("-"+f.Shorthand) + ", " + term
		}
		switch {
		case f.NoOptDefVal != "" && value != "":
			term += "[=" + italic(value) + "]"
		case value != "":
			term += " " + italic(value)
		}
		switch f.DefValue {
		case "", "0", "0s", "false", "[]":
		default:
			usage += " (default " + f.DefValue + ")"
		}
		p.item(term, usage)
	}
}

func (p *roffPage) seeAlso(cmd *cobra.Command) {
	p.section("SEE ALSO")
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, bold("natlens")+"(1)")
	}
	for _, page := range []string{"conntrack", "nft", "ip-netns"} {
		pages = append(pages, bold(page)+"(8)")
	}
	p.WriteString(strings.Join(pages, ",\n") + "\n")
}

// flagList is flags in the order of help.
type flagList []*pflag.Flag

// Has reports whether a flag of the list has the same name and says the same.
func (l flagList) Has(f *pflag.Flag) bool {
	return slices.ContainsFunc(l, func(g *pflag.Flag) bool { return g.Name == f.Name && g.Usage == f.Usage && g.DefValue == f.DefValue })
}

// groupNone is the group of flags that are in none.
const groupNone = ""

// flagGroups returns a command's flags that are not hidden, by their groups.
func flagGroups(cmd *cobra.Command) map[string]flagList {
	cmd.InitDefaultHelpFlag()
	groups := make(map[string]flagList)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		group := groupNone
		if note := f.Annotations[cli.GroupNote]; len(note) > 0 {
			group = note[0]
		}
		if !f.Hidden {
			groups[group] = append(groups[group], f)
		}
	})
	return groups
}

// ownFlags are a command's flags but for those that filter.
func ownFlags(cmd *cobra.Command) flagList {
	g := flagGroups(cmd)
	return slices.DeleteFunc(slices.Concat(g[groupNone], g[cli.GroupOutput], g[cli.GroupKernel]), func(f *pflag.Flag) bool {
		return f.Name == "help"
	})
}

// commonFlags are the flags that several commands take and say the same of.
func commonFlags(root *cobra.Command) (common flagList) {
	var seen flagList
	for _, cmd := range allCommands(root) {
		for _, f := range ownFlags(cmd) {
			switch {
			case !seen.Has(f):
				seen = append(seen, f)
			case !common.Has(f):
				common = append(common, f)
			}
		}
	}
	slices.SortStableFunc(common, func(a, b *pflag.Flag) int { return strings.Compare(a.Name, b.Name) })
	return common
}

// allCommands are the root and what is below it, in the order of help, without
// topics.
func allCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range subcommands(cmd) {
		all = append(all, allCommands(sub)...)
	}
	return all
}

func subcommands(cmd *cobra.Command) (subs []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			subs = append(subs, sub)
		}
	}
	return subs
}

// topicNamed returns a topic.
func topicNamed(name string) *cli.Topic {
	all := topics()
	i := slices.IndexFunc(all, func(t cli.Topic) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}
