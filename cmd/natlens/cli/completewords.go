package cli

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

// CompleteLabels completes a list of names of labels.
func (c *FilterFlags) CompleteLabels(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return listOf(slices.Sorted(maps.Keys(LabelEnv(c.LabelFile).Labels))...)(cmd, args, typed)
}

// completeStates completes a state, behind -p one of that protocol.
func (c *FilterFlags) completeStates(all []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		words := all
		if p, known, err := GivenProto(c.Given); known && err == nil {
			words = monitor.StateNames(p)
		}
		return OneOf(words...)(cmd, args, typed)
	}
}

// CompleteUIFilter completes --filter, which is one word of the shell's.
func CompleteUIFilter(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFilter(LabelEnv(""), typed, typed), cobra.ShellCompDirectiveNoFileComp
}

// CompleteExpectFormat completes -o of the commands on expectations.
func CompleteExpectFormat(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if strings.HasPrefix(typed, "conntrack,") {
		return completeFormat(cmd, args, typed)
	}
	return OneOf("conntrack", "conntrack,xml", "jsonl")(cmd, args, typed)
}
