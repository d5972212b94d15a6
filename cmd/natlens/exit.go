package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/classic"
	"natlens/monitor/filter"
	"natlens/tui"
)

// The exit codes of every command, as conntrack(8) has them.
const (
	exitOK      = 0
	exitFailure = 1 // the world did not allow it
	exitUsage   = 2 // the command line did not make sense
)

// usageError is a command line that does not make sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// errSilent fails a command that has said all there is to say.
var errSilent = errors.New("failed")

// run executes one command line and returns the exit code. An error is one line
// on stderr.
func run(ctx context.Context, con console, args []string) int {
	root := newRoot(con, completes(args))
	if completes(args) {
		words, whole := classic.Complete(args[1:])
		for _, w := range words {
			fmt.Fprintln(con.Stdout, w)
		}
		if whole {
			fmt.Fprintf(con.Stdout, ":%d\n", cobra.ShellCompDirectiveNoFileComp)
			return exitOK
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
		return exitOK
	}
	if errors.Is(err, errSilent) {
		return exitFailure
	}
	text := oneLine(err)
	if what := advice(err, args); what != "" {
		text += ": " + what
	}
	fmt.Fprintf(con.Stderr, "natlens: %s\n", text)
	if crash, ok := errors.AsType[*tui.Crash](err); ok { // the line above is for the user, this for who mends it
		_, _ = con.Stderr.Write(crash.Stack)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

// translate translates a command line of conntrack(8), and the one that a shell asks to complete.
func translate(args []string) (line, ignored []string, err error) {
	if !completes(args) {
		line, ignored, err = classic.Translate(args)
		if err != nil {
			err = usageError{err}
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
func newRoot(con console, asked bool) *cobra.Command {
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
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.Long = root.Short + ".\n\n" + withoutCommand
	root.SetIn(con.Stdin)
	root.SetOut(con.Stdout)
	root.SetErr(con.Stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newDemo(con), newReplay(con), newHistory(con), newVersion(con), newCompletion(con), newMan(con))
	root.AddCommand(newTopics()...)
	root.CompletionOptions.DisableDefaultCmd = true
	addUI(con, root)
	setHelp(con, root)
	setVersion(root)
	root.AddCommand(platformCommands(con)...)
	settleCompletions(root, asked)
	return root
}

func unknownCommand(root *cobra.Command, word string) error {
	var names []string
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			names = append(names, cmd.Name())
		}
	}
	if near := filter.Nearest(word, names); near != "" {
		return usagef("unknown command %q: did you mean %s?", word, near)
	}
	return usagef("unknown command %q: natlens --help lists them", word)
}

// oneLine writes an error in one line: what was joined side by side, each once.
func oneLine(err error) string {
	var parts []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(parts, line) {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}
