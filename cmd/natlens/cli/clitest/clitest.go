// Package clitest runs commands of natlens in tests, with streams in memory.
package clitest

import (
	"context"
	"errors"
	"io"
	"os"
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
	cmd := build(cli.Console{Answers: answers, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Getenv: func(string) string { return "" }, LabelFile: os.DevNull})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(cli.FlagError)
	cmd.SetArgs(filter.AttachOptional(args)) // as the whole program does
	err := cmd.ExecuteContext(ctx)
	return &Result{stdout.String(), stderr.String(), err}
}
