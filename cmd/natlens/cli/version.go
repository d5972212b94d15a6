package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is set by the release build; "": the version of the module.
var Version string

// VersionLine returns what natlens version prints.
func VersionLine() string {
	return fmt.Sprintf("natlens %s %s/%s %s\n", VersionText(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// VersionText is the version.
func VersionText() string {
	if Version != "" {
		return Version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return info.Main.Version
}

// NewVersion returns the command version. --version and conntrack(8)'s -V of the root print the
// same line.
func NewVersion(con Console, root *cobra.Command) *cobra.Command {
	root.Version = VersionText()
	root.SetVersionTemplate(VersionLine())
	root.Flags().BoolP("version", "V", false, "print the version")
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(con.Stdout, VersionLine())
			return err
		},
	}
}
