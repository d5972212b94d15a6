package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the release build; otherwise the module's own is told.
var version string

func newVersion(con console) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(con.Stdout, versionLine())
			return err
		},
	}
}

// setVersion makes --version, and conntrack(8)'s -V, print the same line.
func setVersion(root *cobra.Command) {
	root.Version = versionText()
	root.SetVersionTemplate(versionLine())
	root.Flags().BoolP("version", "V", false, "print the version")
}

func versionLine() string {
	return fmt.Sprintf("natlens %s %s/%s %s\n", versionText(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return info.Main.Version
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}
