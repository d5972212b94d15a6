package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"natlens/monitor/filter"
)

// classicCommands are the commands of natlens by the letter of conntrack(8)'s.
var classicCommands = []struct {
	letter byte
	long   string
	name   string
}{
	{'E', "event", "watch"},
}

// classic translates a command line of conntrack(8) into natlens's own; other
// command lines stay as they are, but for optional values of flags, which are
// attached to their flag.
//
//	-E -p tcp -o id   →   watch --classic -p tcp -o id
func classic(args []string) []string {
	if n := len(args); n > 1 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		// A shell asks how the last word goes on.
		return slices.Concat(args[:1], classic(args[1:n-1]), args[n-1:])
	}
	args = filter.AttachOptional(args)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		for _, c := range classicCommands {
			short := "-" + string(c.letter)
			rest := ""
			switch {
			case arg == short, arg == "--"+c.long:
			case i == 0 && strings.HasPrefix(arg, short):
				rest = "-" + arg[2:] // -Ep tcp
			default:
				continue
			}
			before := args[:i]
			if i > 0 && before[0] == c.name {
				before = before[1:] // watch -E
			}
			out := append([]string{c.name, "--classic"}, before...)
			if rest != "" {
				out = append(out, rest)
			}
			return append(out, args[i+1:]...)
		}
	}
	return args
}

// isClassic reports whether the command was called as conntrack(8)'s.
func isClassic(cmd *cobra.Command) bool {
	on, err := cmd.Flags().GetBool("classic")
	return err == nil && on
}

// classicTable takes the name of a table off the words, which conntrack(8) wants
// first. There is one table here.
func classicTable(cmd *cobra.Command, words []string) ([]string, error) {
	if len(words) == 0 || !isClassic(cmd) {
		return words, nil
	}
	switch words[0] {
	case "conntrack":
		return words[1:], nil
	case "expect", "expectation", "dying", "unconfirmed":
		return nil, usagef("table %s: natlens %s knows the table conntrack alone", words[0], cmd.Name())
	}
	return words, nil
}

// classicFlags refuses the filter flags that conntrack(8) calls illegal with its
// command, if that is how the command was called.
func classicFlags(cmd *cobra.Command, given []filter.FlagValue) error {
	if !isClassic(cmd) {
		return nil
	}
	for _, c := range classicCommands {
		if c.name != cmd.Name() {
			continue
		}
		for _, v := range given {
			def, ok := filter.FlagByName(v.Name)
			if ok && strings.IndexByte(def.Legal, c.letter) < 0 {
				return usagef("illegal flag --%s with -%c, as in conntrack(8); natlens %s without -%c takes it", def.Name, c.letter, c.name, c.letter)
			}
		}
	}
	return nil
}
