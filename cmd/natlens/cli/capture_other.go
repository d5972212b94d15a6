//go:build !linux

package cli

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// ErrNoKernel is what a command ends with that would read the kernel.
var ErrNoKernel = errors.New("connection tracking is Linux's: here natlens reads recordings, with --from FILE")

// CaptureFlags says how events are captured: not at all.
type CaptureFlags struct{}

func (*CaptureFlags) Register(*cobra.Command)      {}
func (*CaptureFlags) RegisterNetNS(*cobra.Command) {}
func (*CaptureFlags) AllowEvery(*cobra.Command)    {}

// Owned returns true: natlens is run by sudo(8) on Linux only.
func Owned(string) bool { return true }

var CompleteNetNS = cobra.NoFileCompletions

func namespaceNames() []string { return nil }

func netlinkTable(*os.File) func() (io.ReadCloser, error) { return nil }
