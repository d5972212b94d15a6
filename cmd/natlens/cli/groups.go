package cli

import "github.com/spf13/pflag"

// GroupNote is the annotation of a flag that names its group in the help.
const GroupNote = "natlens_group"

// The groups of flags, in the order in which help shows them. Flags of no group
// come first.
const (
	GroupOutput = "Output"
	GroupKernel = "Kernel"
	GroupFilter = "Filter flags of conntrack(8)"
)

// InGroup puts flags that are registered already into a group of the help.
func InGroup(f *pflag.FlagSet, group string, names ...string) {
	for _, name := range names {
		if err := f.SetAnnotation(name, GroupNote, []string{group}); err != nil {
			panic(err) // a name that is not registered
		}
	}
}
