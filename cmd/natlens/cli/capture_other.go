//go:build !linux

package cli

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"natlens/monitor"
	"natlens/monitor/kernel"
)

// ErrNoKernel is the error of a command that needs the kernel.
var ErrNoKernel = errors.New("connection tracking needs Linux; on this platform natlens only reads recordings, " +
	"with --from FILE")

// CaptureFlags is empty: this platform has no capture.
type CaptureFlags struct{}

func (*CaptureFlags) Register(*cobra.Command)      {}
func (*CaptureFlags) RegisterNetNS(*cobra.Command) {}
func (*CaptureFlags) AllowEvery(*cobra.Command)    {}

// Every returns false.
func (*CaptureFlags) Every() bool { return false }

// Namespaces returns nil.
func (*CaptureFlags) Namespaces() *monitor.Namespaces { return nil }

// Flows returns an error.
func (*CaptureFlags) Flows(context.Context, func(error), kernel.DumpConfig,
	*monitor.Namespaces) iter.Seq2[*monitor.Batch, error] {
	return func(yield func(*monitor.Batch, error) bool) { yield(new(monitor.Batch), ErrNoKernel) }
}

// Annotate does nothing.
func (*CaptureFlags) Annotate(func(error)) (stop func()) { return func() {} }

// WhyEmpty does nothing.
func (*CaptureFlags) WhyEmpty(context.Context, Console) {}

// WhyUncounted does nothing.
func (*CaptureFlags) WhyUncounted(context.Context, Console, uint64) {}

// Owned returns true: natlens is run by sudo(8) on Linux only.
func Owned(string) bool { return true }

var CompleteNetNS = cobra.NoFileCompletions

func namespaceNames() []string { return nil }

func netlinkTable(int) func() (io.ReadCloser, error) { return nil }
