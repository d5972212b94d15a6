//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// withoutCommand says what natlens does if it is given no command.
const withoutCommand = `Connection tracking is Linux's. Here natlens reads recordings that were made there, and natlens demo shows one.`

// platformCommands are the commands that look at the kernel on Linux. Here they
// read recordings.
func platformCommands(con console) []*cobra.Command {
	return []*cobra.Command{newWatch(con), newList(con), newExplain(con), newWho(con)}
}

// errNoKernel is what a command ends with that would look at the kernel.
var errNoKernel = errors.New("connection tracking is Linux's: here natlens reads recordings, with --from FILE")

func (c *watchConfig) run(context.Context, console, func()) error { return errNoKernel }
func (c *listConfig) run(context.Context, console) error          { return errNoKernel }
func (c *explainConfig) run(context.Context, console) error       { return errNoKernel }

// captureConfig says how events are captured: not at all.
type captureConfig struct{}

func (*captureConfig) register(*cobra.Command)      {}
func (*captureConfig) registerNetNS(*cobra.Command) {}
func (*captureConfig) allowEvery(*cobra.Command)    {}

var completeNetNS = cobra.NoFileCompletions

func advice(error, []string) string { return "" }

func namespaceNames() []string { return nil }

func netlinkTable(*os.File) func() (io.ReadCloser, error) { return nil }

// addUI leaves the root command as it is: there is no kernel to look at.
func addUI(console, *cobra.Command) {}
