// Package clitest runs commands of natlens in tests, with streams in memory.
package clitest

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/filter"
)

// Result is what a command printed and how it ended.
type Result struct {
	Stdout, Stderr string
	Err            error
}

// Code is the exit code of natlens.
func (r *Result) Code() int {
	_, usage := errors.AsType[cli.UsageError](r.Err)
	switch {
	case usage:
		return cli.ExitUsage
	case r.Err != nil:
		return cli.ExitFailure
	}
	return cli.ExitOK
}

// Messages is what natlens prints on standard error: notes, and the error if there is one.
func (r *Result) Messages() string {
	if r.Err == nil || errors.Is(r.Err, cli.ErrSilent) {
		return r.Stderr
	}
	return r.Stderr + "natlens: " + r.Err.Error() + "\n"
}

// Run runs the command that build makes. Answer is what the user types when asked; with "" there is no terminal to
// ask on.
func Run(ctx context.Context, build func(cli.Console) *cobra.Command, answer string, args ...string) *Result {
	if answer == "" {
		return Asking(ctx, build, nil, args...)
	}
	return Asking(ctx, build, strings.NewReader(answer+"\n"), args...)
}

// Asking is Run with answers from a reader.
func Asking(ctx context.Context, build func(cli.Console) *cobra.Command, answers io.Reader, args ...string) *Result {
	var stdout, stderr strings.Builder
	err := execute(ctx, build, cli.Console{Answers: answers, Stdout: &stdout, Stderr: &stderr}, args)
	return &Result{stdout.String(), stderr.String(), err}
}

// execute runs a command as the whole program does, below a root and with streams in memory.
func execute(ctx context.Context, build func(cli.Console) *cobra.Command, con cli.Console, args []string) error {
	con.Stdin, con.Getenv, con.LabelFile = strings.NewReader(""), func(string) string { return "" }, os.DevNull
	root, cmd := &cobra.Command{Use: "natlens", SilenceErrors: true, SilenceUsage: true}, build(con)
	root.SetOut(con.Stdout)
	root.SetErr(con.Stderr)
	root.AddCommand(cmd)
	root.SetFlagErrorFunc(cli.FlagError)
	line := append([]string{cmd.Name()}, filter.AttachOptional(args)...)
	if last := len(args) - 1; last >= 0 && args[0] == cobra.ShellCompNoDescRequestCmd {
		cli.PrepareCompletion(root)
		line = slices.Concat(args[:1], []string{cmd.Name()}, filter.AttachOptional(args[1:last]), args[last:])
	}
	root.SetArgs(line)
	return root.ExecuteContext(ctx)
}
