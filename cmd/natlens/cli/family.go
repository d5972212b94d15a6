package cli

import (
	"github.com/spf13/cobra"

	"natlens/monitor"
)

// FamilyFlag is the value of --family: ipv4, ipv6, or "" for both.
type FamilyFlag string

// Register adds the flag.
func (f *FamilyFlag) Register(cmd *cobra.Command) {
	cmd.Flags().VarP(f, "family", "f", "only this address family: `ipv4|ipv6`")
	MustComplete(cmd, "family", OneOf("ipv4", "ipv6"))
}

// Set checks the value.
func (f *FamilyFlag) Set(text string) error {
	if text != "ipv4" && text != "ipv6" {
		return Usagef("not ipv4 or ipv6")
	}
	*f = FamilyFlag(text)
	return nil
}

// String returns the value.
func (f *FamilyFlag) String() string { return string(*f) }

// Type is what errors call the value.
func (*FamilyFlag) Type() string { return "string" }

// Number is the family, 0 for both.
func (f *FamilyFlag) Number() monitor.Family {
	switch *f {
	case "ipv4":
		return monitor.IPv4
	case "ipv6":
		return monitor.IPv6
	}
	return 0
}
