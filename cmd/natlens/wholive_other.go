//go:build !linux

package main

// liveLedger is the kernel's table, which is Linux's.
type liveLedger struct{ ledger }

func (c *whoConfig) openLive() (ledger, error) {
	return nil, usagef("the live table is Linux's: here who looks into --history DIR and --recording FILE")
}
