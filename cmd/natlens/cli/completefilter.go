package cli

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// CompleteUIFilter completes --filter, which is one argument.
func CompleteUIFilter(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFilter(LabelEnv(""), typed, typed), cobra.ShellCompDirectiveNoFileComp
}

// completeFilter completes the text of a filter, of which last is the shell's last word.
func completeFilter(env filter.Env, text, last string) (out []cobra.Completion) {
	env.Values = func(f filter.Field) []string { // of fields that are names
		switch f {
		case filter.FieldHelper:
			return kernelHelpers
		case filter.FieldNetNS:
			return namespaceNames()
		}
		return nil
	}
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
			continue // the shell would read it as its own
		}
		// The shell replaces its whole word; the candidate replaces only the end of it.
		kept := word[:max(0, len(word)-(candidate.End-candidate.Start))]
		out = append(out, cobra.CompletionWithDesc(string(kept)+candidate.Text, candidate.Doc))
	}
	return out
}

// kernelHelpers are the names of Linux's helpers.
var kernelHelpers = []string{"amanda", "ftp", "h323", "irc", "netbios-ns", "pptp", "Q.931", "RAS", "sane", "sip",
	"snmp", "tftp"}

func (c *FilterFlags) completeFlags(cmd *cobra.Command) {
	for _, def := range filter.Flags() {
		var complete cobra.CompletionFunc = cobra.NoFileCompletions
		switch {
		case def.Name == "label":
			complete = c.CompleteLabels
		case def.Name == "state":
			complete = c.completeStates(def.Words)
		case def.Words != nil && def.Repeats():
			complete = listOf(def.Words...)
		case def.Words != nil:
			complete = OneOf(def.Words...)
		}
		for _, name := range def.Names() {
			MustComplete(cmd, name, complete)
		}
	}
}

// CompleteLabels completes a list of names of labels.
func (c *FilterFlags) CompleteLabels(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	return listOf(slices.Sorted(maps.Keys(LabelEnv(c.LabelFile).Labels))...)(cmd, args, typed)
}

// completeStates completes a state: after -p, one of that protocol.
func (c *FilterFlags) completeStates(all []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		words := all
		if p, known, err := c.Proto(); known && err == nil {
			words = monitor.StateNames(p)
		}
		return OneOf(words...)(cmd, args, typed)
	}
}
