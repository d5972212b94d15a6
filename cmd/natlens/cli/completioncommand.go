package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"natlens/monitor/human"
)

func NewCompletion(con Console) *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a shell's completion script",
		Long:  "Print the script that makes a shell complete natlens's commands, flags and filters. Load it in the shell's start-up file. That for bash needs the package bash-completion.",
		Example: `  source <(natlens completion bash)
  source <(natlens completion zsh)
  natlens completion fish | source`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return Usagef("completion needs one shell: %s", strings.Join(shells, ", "))
			}
			if near := human.Nearest(args[0], shells); near != "" && near != args[0] {
				return Usagef("no completion for %q: did you mean %s?", args[0], near)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(con.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(con.Stdout)
			case "fish":
				return root.GenFishCompletion(con.Stdout, true)
			}
			return Usagef("no completion for %q; there is one for %s", args[0], strings.Join(shells, ", "))
		},
	}
}
