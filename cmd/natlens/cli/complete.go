package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/export"
	"natlens/export/conntrack"
	"natlens/monitor/filter"
)

// completionHelp says how to load the completion script of each shell into the current shell, and into all.
var completionHelp = map[string]string{
	"bash": `source <(natlens completion bash)
  natlens completion bash > /etc/bash_completion.d/natlens   # with the package bash-completion`,
	"zsh": `source <(natlens completion zsh)
  natlens completion zsh > "${fpath[1]}/_natlens"            # after compinit`,
	"fish": `natlens completion fish | source
  natlens completion fish > ~/.config/fish/completions/natlens.fish`,
	"powershell": "natlens completion powershell | Out-String | Invoke-Expression # a line for your profile",
}

// AddCompletion adds the command completion, which is cobra's, with natlens's texts.
func AddCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		return
	}
	completion.Short = "Print a completion script for a shell"
	completion.Long = completion.Short +
		": for commands, flags, filters and files. natlens completion SHELL --help says how to load it."
	for _, shell := range completion.Commands() {
		shell.Args = NoArgs // cobra's own returns no usage error
		shell.Short = "Print the completion script for " + shell.Name()
		shell.Long = shell.Short + ". To load it into this shell, or into every new shell:\n\n  " +
			completionHelp[shell.Name()]
		if f := shell.Flags().Lookup("no-descriptions"); f != nil {
			f.Usage = "complete without descriptions"
		}
	}
}

// MustComplete sets the completion of a registered flag. It panics if there is no such flag.
func MustComplete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}

// OneOf completes one of several words, in the case that is typed.
func OneOf(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return inCase(words, typed, ""), cobra.ShellCompDirectiveNoFileComp
	}
}

// ListOf completes a list of words separated by commas, in the case that is typed.
func ListOf(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		left := slices.DeleteFunc(slices.Clone(words), func(w string) bool {
			return strings.Contains(","+strings.ToLower(before), ","+strings.ToLower(w)+",")
		})
		return inCase(left, typed[len(before):], before), cobra.ShellCompDirectiveNoFileComp
	}
}

// inCase returns the words with before in front of each, in lower case if they are typed so.
func inCase(words []string, typed, before string) (out []cobra.Completion) {
	for _, w := range words {
		if typed != "" && strings.HasPrefix(strings.ToLower(w), typed) {
			w = strings.ToLower(w)
		}
		out = append(out, before+w)
	}
	return out
}

func completeFormat(cmd *cobra.Command, args []string, typed string) (out []cobra.Completion,
	_ cobra.ShellCompDirective) {
	if strings.HasPrefix(typed, "conntrack,") {
		return ListOf(conntrack.ModifierNames()...)(cmd, args, typed)
	}
	for _, f := range export.Formats {
		out = append(out, cobra.CompletionWithDesc(f.Name, f.Help))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// CompleteExpectFormat completes -o of the commands on expectations.
func CompleteExpectFormat(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	if strings.HasPrefix(typed, "conntrack,") {
		return completeFormat(cmd, args, typed)
	}
	return OneOf("conntrack", "conntrack,xml", "jsonl")(cmd, args, typed)
}

// CompleteCommands completes the words of help and man: commands and topics.
func CompleteCommands(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	about, rest, err := cmd.Root().Find(args)
	if err == nil && len(rest) == 0 {
		for _, sub := range listed(about) {
			names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// PrepareCompletion prepares a command and its subcommands for a shell. Files are offered only where help says FILE or
// file, and directories where it says directory. Flags have their help without quotes, and conntrack(8)'s all names.
func PrepareCompletion(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && !strings.Contains(cmd.Use, "FILE") {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		var value string
		value, f.Usage = pflag.UnquoteUsage(f)
		if _, has := cmd.GetFlagCompletionFunc(f.Name); !has && value != "file" {
			v, _ := f.Value.(Value)
			directive := cobra.ShellCompDirectiveNoFileComp
			if value == "directory" {
				directive = cobra.ShellCompDirectiveFilterDirs
			}
			MustComplete(cmd, f.Name, cobra.FixedCompletions(v.Words, directive))
		}
		if def, ok := filter.FlagByName(f.Name); ok && def.Alias == f.Name {
			f.Hidden = false
		}
	})
	for _, sub := range cmd.Commands() {
		PrepareCompletion(sub)
	}
}
