package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"natlens/export/conntrack"
	"natlens/monitor"
	"natlens/monitor/filter"
)

// kernelHelpers are the names of Linux's helpers.
var kernelHelpers = []string{"amanda", "ftp", "h323", "irc", "netbios-ns", "pptp", "Q.931", "RAS", "sane", "sip", "snmp", "tftp"}

// knownValues are the values of fields that are names: those that are the same on
// every host, and those of this one's network namespaces.
func knownValues(f filter.Field) []string {
	switch f {
	case filter.FieldHelper:
		return kernelHelpers
	case filter.FieldNetNS:
		return namespaceNames()
	}
	return nil
}

// completeLabels completes a list of names of labels.
func (c *filterConfig) completeLabels(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return listOf(slices.Sorted(maps.Keys(labelEnv(c.labelFile).Labels))...)(cmd, args, typed)
}

// completeStates completes a state, behind -p one of that protocol.
func (c *filterConfig) completeStates(all []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		words := all
		if p, known, err := givenProto(c.given); known && err == nil {
			words = monitor.StateNames(p)
		}
		return oneOf(words...)(cmd, args, typed)
	}
}

// completeUIFilter completes --filter, which is one word of the shell's.
func completeUIFilter(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFilter(labelEnv(""), typed, typed), cobra.ShellCompDirectiveNoFileComp
}

// classicTableNames are the tables that may be named behind a letter of
// conntrack(8)'s.
func classicTableNames(cmd *cobra.Command) (names []cobra.Completion) {
	if !isClassic(cmd) || cmd.Parent() != cmd.Root() {
		return nil
	}
	for _, table := range classicTables {
		switch {
		case table == "conntrack", cmd.Name() == "list":
		case table == "expect" && (cmd.Name() == "stats" || slices.ContainsFunc(expectCommands(cmd.Root()), func(name string) bool { return name == cmd.Name() })):
		default:
			continue
		}
		names = append(names, cobra.CompletionWithDesc(table, "table"))
	}
	return names
}

// expectCommands are the commands that there are for expectations.
func expectCommands(root *cobra.Command) (names []string) {
	expect, _, err := root.Find([]string{"expect"})
	if err != nil {
		return nil
	}
	for _, cmd := range expect.Commands() {
		names = append(names, cmd.Name())
	}
	return names
}

// completeTables completes the words of commands that take the name of a table, as
// conntrack(8)'s, or nothing.
func completeTables(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return classicTableNames(cmd), cobra.ShellCompDirectiveNoFileComp
}

// completeExpectFormat completes -o of the commands on expectations.
func completeExpectFormat(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if isClassic(cmd) {
		return listOf(conntrack.ModifierNames()...)(cmd, args, typed)
	}
	return oneOf("conntrack", "conntrack,xml", "jsonl")(cmd, args, typed)
}
