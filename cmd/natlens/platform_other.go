//go:build !linux

package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"
)

// platformCommands are the commands that need a Linux kernel: none here.
func platformCommands(console) []*cobra.Command { return nil }

func advice(error, []string) string { return "" }

func netlinkTable(*os.File) func() (io.ReadCloser, error) { return nil }

// addUI leaves the root command as it is: there is no kernel to look at.
func addUI(console, *cobra.Command) {}
