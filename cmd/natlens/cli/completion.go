package cli

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/export"
	"natlens/export/conntrack"
	"natlens/monitor/filter"
)

// complete completes the words of a filter: as many arguments of the
// command line, or one in quotes.
func (c *FilterFlags) complete(cmd *cobra.Command, args []string, last string) ([]cobra.Completion, cobra.ShellCompDirective) {
	text := strings.Join(append(args, last), " ")
	return completeFilter(LabelEnv(c.LabelFile), text, last), cobra.ShellCompDirectiveNoFileComp
}

// completeFilter completes the last word of the shell's in a filter's text.
func completeFilter(env filter.Env, text, last string) (out []cobra.Completion) {
	env.Values = knownValues
	word := []rune(last)
	quoted := strings.ContainsAny(last, " (")
	for _, candidate := range env.Complete(text, utf8.RuneCountInString(text)) {
		if candidate.Text == "" {
			if len(out) == 0 {
				out = cobra.AppendActiveHelp(out, candidate.Doc)
			}
			continue
		}
		if !quoted && strings.ContainsAny(candidate.Text, " <>{}()&|!") {
			continue // the shell would take it for itself
		}
		// The shell replaces its whole word, of which the candidate replaces the end.
		kept := word[:max(0, len(word)-(candidate.End-candidate.Start))]
		out = append(out, cobra.CompletionWithDesc(string(kept)+candidate.Text, candidate.Doc))
	}
	return out
}

// OneOf completes a flag's value that is one of some words, in the case in which
// it is typed.
func OneOf(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) (out []cobra.Completion, _ cobra.ShellCompDirective) {
		for _, w := range words {
			if typed != "" && strings.HasPrefix(strings.ToLower(w), typed) {
				w = strings.ToLower(w)
			}
			out = append(out, w)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// listOf completes a flag's value that is a list of words with commas between
// them, in the case in which it is typed.
func listOf(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) (out []cobra.Completion, _ cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		for _, w := range words {
			if strings.Contains(","+strings.ToLower(before), ","+strings.ToLower(w)+",") {
				continue
			}
			if letters := typed[len(before):]; letters != "" && strings.HasPrefix(strings.ToLower(w), letters) {
				w = strings.ToLower(w)
			}
			out = append(out, before+w)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlags registers the completions of the filter flags.
func (c *FilterFlags) completeFlags(cmd *cobra.Command) {
	for _, def := range filter.Flags() {
		var complete cobra.CompletionFunc = cobra.NoFileCompletions
		switch {
		case def.Name == "label":
			complete = c.CompleteLabels
		case def.Name == "state":
			complete = c.completeStates(def.Words)
		case def.Words != nil && def.Repeats:
			complete = listOf(def.Words...)
		case def.Words != nil:
			complete = OneOf(def.Words...)
		}
		for _, name := range append([]string{def.Name}, def.Aliases...) {
			MustComplete(cmd, name, complete)
		}
	}
}

// completeFormat completes -o: a format, and the modifiers of conntrack's.
func completeFormat(cmd *cobra.Command, args []string, typed string) (out []cobra.Completion, _ cobra.ShellCompDirective) {
	if strings.HasPrefix(typed, "conntrack,") {
		return listOf(conntrack.ModifierNames()...)(cmd, args, typed)
	}
	for _, f := range export.Formats() {
		out = append(out, cobra.CompletionWithDesc(f.Name, f.Help))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// MustComplete gives a flag, which is registered already, its completion.
func MustComplete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	named := cmd.Flags().Lookup(flag)
	if named == nil {
		panic("no flag --" + flag)
	}
	named.Value = completedValue{named.Value, f}
}

// completedValue is a flag's value with its completion, until the tree of commands
// stands.
type completedValue struct {
	pflag.Value
	complete cobra.CompletionFunc
}

// SettleCompletions gives the flags of a command, and of those below it, their
// plain values back, and tells cobra of the completions if a shell asks for some:
// cobra never forgets a flag that has one, nor the command behind it.
func SettleCompletions(cmd *cobra.Command, asked bool) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if asked { // the quotes are for the help, and conntrack(8)'s other names are known to people
			_, f.Usage = pflag.UnquoteUsage(f)
			if def, ok := filter.FlagByName(f.Name); ok && slices.Contains(def.Aliases, f.Name) {
				f.Hidden = false
			}
		}
		v, ok := f.Value.(completedValue)
		if !ok {
			return
		}
		f.Value = v.Value
		if !asked {
			return
		}
		if err := cmd.RegisterFlagCompletionFunc(f.Name, v.complete); err != nil {
			panic(err)
		}
	})
	for _, sub := range cmd.Commands() {
		SettleCompletions(sub, asked)
	}
}
