package cli

import (
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"natlens/monitor"
)

// Value is the value of a flag, for pflag: each text that is given is passed to Read.
type Value struct {
	Read func(text string) error
	Kind string // what help and errors call the value, if the usage does not
}

// Set passes the text on.
func (v Value) Set(text string) error { return v.Read(text) }

// String returns the default, which is empty.
func (Value) String() string { return "" }

// Type returns Kind.
func (v Value) Type() string { return v.Kind }

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
	cmd.Flags().VarP(Value{read, "ipv4|ipv6"}, "family", "f", "only this address family")
	MustComplete(cmd, "family", OneOf("ipv4", "ipv6"))
}

// ParseSize reads a number of bytes between 1 and limit, with SI units (50GB) or binary ones (32MiB).
func ParseSize(text string, limit uint64) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > limit {
		return 0, fmt.Errorf("not a size between 1 and %s, such as 212992, 64kB or 16MiB", humanize.IBytes(limit))
	}
	return int64(n), nil
}

// MaxSize bounds the size of files.
const MaxSize = 1 << 50

// EveryNetNS is the value of --netns for all namespaces. One of that name is reached by its path.
const EveryNetNS = "all"
