package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/classic"
	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/ui"
	"natlens/tui"
	"natlens/tui/who"
)

// run executes one command line and returns the exit code. An error is one line
// on stderr.
func run(ctx context.Context, con cli.Console, args []string) int {
	root := newRoot(con, completes(args))
	if completes(args) {
		words, whole := classic.Complete(args[1:])
		for _, w := range words {
			fmt.Fprintln(con.Stdout, w)
		}
		if whole {
			fmt.Fprintf(con.Stdout, ":%d\n", cobra.ShellCompDirectiveNoFileComp)
			return cli.ExitOK
		}
	}
	line, ignored, err := translate(args)
	for _, note := range ignored {
		fmt.Fprintf(con.Stderr, "natlens: %s\n", note)
	}
	root.SetArgs(append([]string{}, line...)) // not nil, which would be os.Args
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		return cli.ExitOK
	}
	if errors.Is(err, cli.ErrSilent) {
		return cli.ExitFailure
	}
	text := cli.OneLine(err)
	if what := advice(err, args); what != "" {
		text += ": " + what
	}
	fmt.Fprintf(con.Stderr, "natlens: %s\n", text)
	if crash, ok := errors.AsType[*tui.Crash](err); ok { // the line above is for the user, this for who mends it
		_, _ = con.Stderr.Write(crash.Stack)
	}
	if _, ok := errors.AsType[cli.UsageError](err); ok {
		return cli.ExitUsage
	}
	return cli.ExitFailure
}

// translate translates a command line of conntrack(8), and the one that a shell asks to complete.
func translate(args []string) (line, ignored []string, err error) {
	if !completes(args) {
		line, ignored, err = classic.Translate(args)
		if err != nil {
			err = cli.Usage(err)
		}
		return line, ignored, err
	}
	last := len(args) - 1
	if line, _, err = classic.Translate(args[1:last]); err != nil {
		return args, nil, nil
	}
	return slices.Concat(args[:1], line, args[last:]), nil, nil
}

// completes reports whether a shell asks how the last word goes on.
func completes(args []string) bool {
	return len(args) > 1 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// newRoot builds the tree of commands.
func newRoot(con cli.Console, asked bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "natlens",
		Short: "Watch Linux connection tracking live and see what NAT does to every flow",
		Example: `  natlens lab --watch               a NAT gateway of its own, without root
  sudo natlens watch tcp dport 443  this host's events`,
		// Errors are printed by run, in one line and one place.
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.UnknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	deps := ui.Deps{Con: con, Who: func(q ui.Questions) who.Asker { return &uiWho{con, q} }}
	root.Long = root.Short + ".\n\n" + withoutCommand
	root.SetIn(con.Stdin)
	root.SetOut(con.Stdout)
	root.SetErr(con.Stderr)
	root.SetFlagErrorFunc(cli.FlagError)
	root.AddCommand(ui.NewDemo(deps), ui.NewReplay(deps), newHistory(con), newVersion(con), cli.NewCompletion(con), newMan(con))
	root.CompletionOptions.DisableDefaultCmd = true
	ui.AddRoot(deps, root)
	cli.SetHelp(con, root, topics()...)
	setVersion(root)
	root.AddCommand(platformCommands(con, deps)...)
	cli.SettleCompletions(root, asked)
	return root
}

// topics are the pages of help that belong to no command.
func topics() []cli.Topic { return []cli.Topic{cli.FiltersTopic, classic.Topic(), cli.FilesTopic} }
