package cli

import (
	"github.com/spf13/cobra"

	"natlens/monitor"
)

// RegisterFamily adds --family. Without it the family is 0, for both.
func RegisterFamily(cmd *cobra.Command, f *monitor.Family) {
	read := func(text string) error {
		switch text {
		case "ipv4":
			*f = monitor.IPv4
		case "ipv6":
			*f = monitor.IPv6
		default:
			return Usagef("not ipv4 or ipv6")
		}
		return nil
	}
	cmd.Flags().VarP(Value{read, "string"}, "family", "f", "only this address family: `ipv4|ipv6`")
	MustComplete(cmd, "family", OneOf("ipv4", "ipv6"))
}
