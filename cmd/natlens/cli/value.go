package cli

import (
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"natlens/monitor"
)

// Value is the value of a flag, for pflag: Read gets each given text.
type Value struct {
	Read func(text string) error
	Kind string // placeholder in help and errors, if the usage has none
}

// Set calls Read.
func (v Value) Set(text string) error { return v.Read(text) }

// String returns the default, which is empty.
func (Value) String() string { return "" }

// Type returns Kind.
func (v Value) Type() string { return v.Kind }

// RegisterFamily adds --family. Without it f is 0, which means both.
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
	cmd.Flags().VarP(Value{read, "ipv4|ipv6"}, "family", "f", "only this address family")
	MustComplete(cmd, "family", OneOf("ipv4", "ipv6"))
}

// ParseSize reads a number of bytes from 1 to limit, with SI units (50GB) or binary ones
// (32MiB).
func ParseSize(text string, limit uint64) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > limit {
		return 0, fmt.Errorf("not a size between 1 and %s, such as 212992, 64kB or 16MiB", humanize.IBytes(limit))
	}
	return int64(n), nil
}

// MaxSize is the maximum size of files.
const MaxSize = 1 << 50

// EveryNetNS is the value of --netns for all namespaces. A namespace of that name can be given
// by its path.
const EveryNetNS = "all"
