package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/monitor/human"
)

// The exit codes of every command, as in conntrack(8).
const (
	ExitOK      = 0
	ExitFailure = 1 // a missing privilege or entry, a full disk …
	ExitUsage   = 2 // the command line is wrong
)

// UsageError is an error of the command line.
type UsageError struct{ error }

func (e UsageError) Unwrap() error { return e.error }

// Usage returns err as an error of the command line.
func Usage(err error) error { return UsageError{err} }

// Usagef returns an error of the command line.
func Usagef(format string, args ...any) error {
	return UsageError{fmt.Errorf(format, args...)}
}

// ErrSilent is a failure without a message, because the command has printed everything.
var ErrSilent = errors.New("failed")

// UnknownCommand returns the error of a word that is not a subcommand of cmd.
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

// NoWords is Args of a command that only has subcommands.
func NoWords(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return UnknownCommand(cmd, args[0])
	}
	return nil
}

// CheckCommand rejects a word where a command should be, and a word after a topic, even if flags follow it.
func CheckCommand(root *cobra.Command, line []string) error {
	root.InitDefaultHelpCmd()
	cmd, rest, err := root.Find(line)
	if err != nil || len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
		return nil
	}
	if cmd.IsAdditionalHelpTopicCommand() {
		return Usagef("natlens %s is a help topic and takes no arguments, got %q", cmd.Name(), rest[0])
	}
	if cmd.HasSubCommands() {
		return UnknownCommand(cmd, rest[0])
	}
	return nil
}

// OneLine returns an error in one line. Joined errors are listed, each once.
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

// FlagError returns the usage error for an error of pflag.
func FlagError(cmd *cobra.Command, err error) error {
	see := "; see " + cmd.CommandPath() + " --help"
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, e, see)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		value, _ := pflag.UnquoteUsage(e.GetFlag())
		return Usagef("%s needs a value: %s", dashed(e.GetSpecifiedName()), value)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		name := e.GetFlag().Name
		if value, _ := pflag.UnquoteUsage(e.GetFlag()); e.GetValue() == "" {
			return Usagef("--%s needs a value: %s", name, value)
		}
		return Usagef("--%s %s: %s%s", name, e.GetValue(), WrongValue(e.GetFlag(), e.Unwrap()), see)
	}
	return Usagef("%w%s", err, see)
}

// WrongValue returns what is wrong with a value that a flag rejects.
func WrongValue(f *pflag.Flag, err error) string {
	const positive = "must be a whole number, 0 or more"
	wrong := map[string]string{"duration": "not a time such as 10s or 5m", "int": "must be a whole number",
		"float64": "must be a number", "uint": positive, "uint64": positive, "bool": "must be true or false",
	}[f.Value.Type()]
	return cmp.Or(wrong, strings.TrimSpace(err.Error()))
}

func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError, see string) error {
	word := e.GetSpecifiedName()
	if group := e.GetSpecifiedShortnames(); len(group) > 1 {
		return Usagef("unknown flag -%s in -%s%s", word[:1], group, see)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := human.Nearest(word, names); near != "" {
		return Usagef("unknown flag %s: did you mean --%s?", dashed(word), near)
	}
	return Usagef("unknown flag %s%s", dashed(word), see)
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
