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

// NewVersion returns the command version, and gives the root command --version, conntrack(8)'s -V, which prints the
// same line. The root command must have its RunE already. It does not use cobra's own flag: its template makes the
// linker keep every exported method in the binary.
func NewVersion(con Console, root *cobra.Command) *cobra.Command {
	show := func() error {
		_, err := io.WriteString(con.Stdout, VersionLine())
		return err
	}
	run, version := root.RunE, root.Flags().BoolP("version", "V", false, "print the version")
	root.RunE = func(cmd *cobra.Command, words []string) error {
		if *version {
			return show()
		}
		return run(cmd, words)
	}
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: NoArgs,
		RunE: func(*cobra.Command, []string) error { return show() },
	}
}
