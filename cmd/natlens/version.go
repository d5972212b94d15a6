package main

import (
	"io"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

func newVersion(con cli.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cli.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(con.Stdout, cli.VersionLine())
			return err
		},
	}
}

// setVersion makes --version, and conntrack(8)'s -V, print the same line.
func setVersion(root *cobra.Command) {
	root.Version = cli.VersionText()
	root.SetVersionTemplate(cli.VersionLine())
	root.Flags().BoolP("version", "V", false, "print the version")
}
