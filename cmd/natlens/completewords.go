package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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

// completeExpectFormat completes -o of the commands on expectations.
func completeExpectFormat(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if strings.HasPrefix(typed, "conntrack,") {
		return completeFormat(cmd, args, typed)
	}
	return oneOf("conntrack", "conntrack,xml", "jsonl")(cmd, args, typed)
}
