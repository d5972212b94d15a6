package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"natlens/monitor/filter"
)

// classicLegal are the filter flags that conntrack(8) takes with those of its
// commands that do not filter: {C,S} none, F the family, G, I and A what makes a
// tuple and more. Of the others [filter.Flag].Legal tells.
var classicLegal = map[byte][]string{
	'G': slices.Concat(classicTuple, []string{"id", "label", "state", "orig-vtag", "reply-vtag"}),
	'I': classicEntry,
	'A': classicEntry,
}

var classicEntry = slices.Concat(classicTuple, []string{"timeout", "status", "mark", "src-nat", "dst-nat", "zone", "orig-zone", "reply-zone",
	"state", "orig-vtag", "reply-vtag", "role"})

var classicTuple = []string{"proto", "orig-src", "orig-dst", "reply-src", "reply-dst", "orig-port-src", "orig-port-dst",
	"reply-port-src", "reply-port-dst", "icmp-type", "icmp-code", "icmp-id", "orig-key-src", "orig-key-dst", "reply-key-src",
	"reply-key-dst"}

// classicExpectLegal are the flags that conntrack(8) takes with its commands on
// the table of expectations.
var classicExpectLegal = map[string][]string{
	"list":   {"family", "output-format"},
	"watch":  {"output-format"},
	"get":    classicTuple,
	"delete": classicTuple,
	"create": {"proto", "orig-src", "orig-dst", "reply-src", "reply-dst", "orig-port-src", "orig-port-dst", "orig-key-src", "orig-key-dst",
		"reply-key-src", "reply-key-dst", "timeout", "status", "mask-src", "mask-dst"},
}

// classicExpectFlags refuses the flags that conntrack(8) calls illegal with its
// command on expectations, if that is how the command was called.
func classicExpectFlags(cmd *cobra.Command, given []filter.FlagValue) error {
	if !isClassic(cmd) {
		return nil
	}
	var names []string
	for _, v := range given {
		if def, ok := filter.FlagByName(v.Name); ok {
			names = append(names, def.Name)
		}
	}
	for _, name := range []string{"family", "output-format"} {
		if cmd.Flags().Changed(name) {
			names = append(names, name)
		}
	}
	for _, c := range classicCommands {
		if c.name != cmd.Name() || c.flags != nil {
			continue
		}
		for _, name := range names {
			if !slices.Contains(classicExpectLegal[c.name], name) {
				return usagef("illegal flag --%s with -%c expect, as in conntrack(8); natlens expect %s without -%c may take it", name, c.letter, c.name, c.letter)
			}
		}
		return classicProto(given, 0, "")
	}
	return nil
}

// classicShort are the short flags of conntrack(8) that filter no flows.
var classicShort = map[string]string{"z": "zero", "b": "buffer-size", "o": "output", "M": "labelmap", "a": "nat-range", "c": "secmark"}

// classicName is the name by which natlens tells of a flag that conntrack(8) has,
// short or long; "" for what it has not.
func classicName(flag string) string {
	if def, ok := filter.FlagByName(flag); ok {
		return def.Name
	}
	if long := classicShort[flag]; long != "" {
		return long
	}
	for _, group := range classicLong {
		for same := range strings.FieldsSeq(group.names) {
			if words := strings.Split(same, "|"); slices.Contains(words, flag) && !isLetter(flag) {
				return flag
			}
		}
	}
	return ""
}

// classicCommand is conntrack(8)'s letter that a command was called by, with its
// table.
func classicCommand(cmd *cobra.Command) string {
	table := ""
	if cmd.HasParent() && cmd.Parent().Name() == "expect" {
		table = " expect"
	}
	for _, c := range classicCommands {
		if c.name == cmd.Name() && (c.flags != nil) == cmd.Flags().Changed("if-missing") {
			return "-" + string(c.letter) + table
		}
	}
	return "natlens " + cmd.Name() + table
}

// labelMapLegal are conntrack(8)'s commands that take --labelmap.
const labelMapLegal = "LDEU"

// legal reports whether conntrack(8) takes a filter flag with a command.
func legal(letter byte, def *filter.Flag) bool {
	if names, ok := classicLegal[letter]; ok {
		return slices.Contains(names, def.Name)
	}
	return strings.IndexByte(def.Legal, letter) >= 0
}

// allowed refuses a flag that a command has no use for.
func allowed(command, flag string, names []string) error {
	if slices.Contains(names, flag) {
		return nil
	}
	return usagef("--%s says nothing to natlens %s", flag, command)
}
