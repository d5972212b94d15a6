//go:build linux

package cli

import (
	"fmt"
	"os"

	"natlens/monitor/lab"
)

// Sudo reports whether a command that the user types needs sudo(8). Root of the lab's user namespace is an ordinary
// user outside of it.
func Sudo() bool { return os.Geteuid() != 0 || lab.Entered() }

// Refused reports on standard error that a network namespace can't be read.
func (c Console) Refused(err error) { fmt.Fprintf(c.Stderr, "natlens: %s\n", OneLine(err)) }
