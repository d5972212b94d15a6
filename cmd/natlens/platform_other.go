//go:build !linux

package main

import "github.com/spf13/cobra"

// platformCommands are the commands that need a Linux kernel: none here.
func platformCommands(console) []*cobra.Command { return nil }
