//go:build !linux

package main

import "natlens/cmd/natlens/cli"

// liveLedger is the kernel's table, which is Linux's.
type liveLedger struct{ ledger }

func (c *whoConfig) openLive() (ledger, error) {
	return nil, cli.Usagef("the live table is Linux's: here who looks into --history DIR and --recording FILE")
}
