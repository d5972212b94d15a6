package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/classic"
	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/settings"
	"natlens/export"
)

// run executes one command line and returns the exit code. An error is one line on standard error.
func run(ctx context.Context, con cli.Console, args []string) int {
	con.Stdout, con.Stderr = export.NewOutlet(ctx, con.Stdout), export.NewOutlet(ctx, con.Stderr)
	con = con.WithMessages()
	completing := len(args) > 1 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
	files := settings.Read(con, newRoot)
	con.Config = &files.Config
	root := newRoot(con)
	if completing {
		cli.PrepareCompletion(root)
		return complete(ctx, con, root, args)
	}
	line, ignored, err := classic.Translate(args)
	for _, note := range ignored {
		fmt.Fprintf(con.Stderr, "natlens: %s\n", note)
	}
	files.Off = len(line) > 0 && line[0] != args[0]
	files.Install(root)
	if err == nil {
		err = execute(ctx, root, line)
	}
	return report(con, files.Explain(err), args)
}

func execute(ctx context.Context, root *cobra.Command, line []string) error {
	if err := cli.CheckCommand(root, line); err != nil {
		return err
	}
	root.SetArgs(append([]string{}, line...)) // not nil, which would be os.Args
	return root.ExecuteContext(ctx)
}

// complete prints completions of the last word of a command line.
func complete(ctx context.Context, con cli.Console, root *cobra.Command, args []string) int {
	words, whole := classic.Complete(args[1:])
	for _, w := range words {
		fmt.Fprintln(con.Stdout, w)
	}
	if whole {
		fmt.Fprintf(con.Stdout, ":%d\n", cobra.ShellCompDirectiveNoFileComp)
		return cli.ExitOK
	}
	last := len(args) - 1
	line, _, err := classic.Translate(args[1:last])
	if err == nil {
		root.SetArgs(slices.Concat(args[:1], line, args[last:]))
		err = root.ExecuteContext(ctx)
	}
	return report(con, err, args)
}

func report(con cli.Console, err error, args []string) int {
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		return cli.ExitOK
	case errors.Is(err, cli.ErrSilent):
		return cli.ExitFailure
	}
	text := cli.OneLine(err)
	if what := advice(err, args); what != "" {
		text += ": " + what
	}
	fmt.Fprintf(con.Stderr, "natlens: %s\n", text)
	if crash, ok := errors.AsType[interface {
		error
		Trace() []byte
	}](err); ok { // the line above is for the user, the stack for a bug report
		for line := range bytes.Lines(crash.Trace()) {
			_, _ = con.Stderr.Write(line)
		}
	}
	if _, ok := errors.AsType[cli.UsageError](err); ok {
		return cli.ExitUsage
	}
	return cli.ExitFailure
}

func newRoot(con cli.Console) *cobra.Command {
	root := &cobra.Command{
		Use:   "natlens",
		Short: "Watch Linux connection tracking live and see what NAT does to every flow",
		Example: `  natlens lab --watch               a temporary NAT gateway, without root
  sudo natlens watch tcp dport 443  this host's events`,
		// report prints errors.
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cli.NoWords,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.Long = root.Short + ".\n\n" + withoutCommand
	root.SetIn(con.Stdin)
	root.SetOut(con.Stdout)
	root.SetErr(con.Stderr)
	root.SetFlagErrorFunc(cli.FlagError)
	addParts(con, root)
	settings.Register(root)
	cli.SetHelp(con, root)
	root.AddCommand(settings.New(con), cli.NewVersion(con, root), classic.Topic())
	root.AddCommand(cli.Topics()...)
	root.AddCommand(platformCommands(con)...)
	cli.AddCompletion(root)
	names, words := leftOut()
	if cli.LeaveOut(root, words); names != nil {
		root.Long += "\n\nThis build has no " + strings.Join(names, ", no ") + "."
	}
	return root
}
