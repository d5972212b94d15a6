package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"natlens/monitor"
)

// Value is the value of a flag, for pflag: Read gets each given text.
type Value struct {
	Read func(text string) error
	Kind string // placeholder in help and errors, if the usage has none

	Words []string // what completion offers
}

// Set calls Read.
func (v Value) Set(text string) error { return v.Read(text) }

// String returns the default, which is empty.
func (Value) String() string { return "" }

// Type returns Kind.
func (v Value) Type() string { return v.Kind }

// Choice adds a flag that is one of the words, and stores the value at the word's place. The default is *to. In usage,
// %s becomes the words.
func Choice[T comparable](f *pflag.FlagSet, to *T, name, short, usage string, words []string, values ...T) {
	last := len(words) - 1
	all := strings.Join(words[:last], ", ") + " or " + words[last]
	f.VarP(Value{Read: func(text string) error {
		i := slices.Index(words, text)
		if i < 0 {
			return errors.New("must be " + all)
		}
		*to = values[i]
		return nil
	}, Words: words}, name, short, strings.ReplaceAll(usage, "%s", all))
	if i := slices.Index(values, *to); i >= 0 {
		f.Lookup(name).DefValue = words[i]
	}
}

// Word is Choice for a flag that stores its word.
func Word(f *pflag.FlagSet, to *string, name, short, usage string, words ...string) {
	Choice(f, to, name, short, usage, words, words...)
}

// Time adds a flag that is a duration, 0 or at least least. The default is *to.
func Time(f *pflag.FlagSet, to *time.Duration, name string, least time.Duration, usage string) {
	f.Var(Value{Read: func(text string) error {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return errors.New("not a time such as 10s or 5m")
		case d < 0:
			return errors.New("must not be negative")
		case d > 0 && d < least:
			return fmt.Errorf("must be %s or more", least)
		}
		*to = d
		return nil
	}, Kind: "time"}, name, usage)
	if *to != 0 {
		f.Lookup(name).DefValue = to.String()
	}
}

// RegisterFamily adds --family. Without it to is 0, which means both.
func RegisterFamily(f *pflag.FlagSet, to *monitor.Family) {
	Choice(f, to, "family", "f", "only this address family: `ipv4|ipv6`", []string{"ipv4", "ipv6"}, monitor.IPv4,
		monitor.IPv6)
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
