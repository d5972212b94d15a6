package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"natlens/monitor/human"
)

// The exit codes of every command, as conntrack(8) has them.
const (
	ExitOK      = 0
	ExitFailure = 1 // the world did not allow it
	ExitUsage   = 2 // the command line did not make sense
)

// UsageError is a command line that does not make sense.
type UsageError struct{ error }

func (e UsageError) Unwrap() error { return e.error }

// Usage makes an error one of the command line.
func Usage(err error) error { return UsageError{err} }

// Usagef makes an error of the command line.
func Usagef(format string, args ...any) error {
	return UsageError{fmt.Errorf(format, args...)}
}

// ErrSilent fails a command that has said all there is to say.
var ErrSilent = errors.New("failed")

// UnknownCommand is the error of a word that is no command below cmd.
func UnknownCommand(cmd *cobra.Command, word string) error {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if len(names) == 0 {
		return Usagef("%s has no commands, such as %q", cmd.CommandPath(), word)
	}
	if near := human.Nearest(word, names); near != "" {
		return Usagef("unknown command %q: did you mean %s?", word, near)
	}
	return Usagef("unknown command %q: %s --help lists them", word, cmd.CommandPath())
}

// NoWords is for a command that has only commands below it.
func NoWords(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return UnknownCommand(cmd, args[0])
	}
	return nil
}

// CheckCommand reports a word where a command should be, whatever flags follow it.
func CheckCommand(root *cobra.Command, line []string) error {
	root.InitDefaultHelpCmd()
	cmd, rest, err := root.Find(line)
	if err == nil && cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return UnknownCommand(cmd, rest[0])
	}
	return nil
}

// OneLine writes an error in one line: what was joined side by side, each once.
func OneLine(err error) string {
	var parts []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(parts, line) {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}

func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}
