package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// EndFlags say when a command that follows events ends. The zero value means never.
type EndFlags struct {
	Limit uint64
	For   time.Duration
}

// Register adds --limit and --for. what is the word for what --limit counts.
func (e *EndFlags) Register(cmd *cobra.Command, what string) {
	cmd.Flags().Uint64Var(&e.Limit, "limit", 0, "end after `N` "+what+"; 0: no limit")
	Time(cmd.Flags(), &e.For, "for", 0, "end after this `time`, such as 10s or 5m")
}

// Context returns a context that ends after the time of --for, or never.
func (e *EndFlags) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	if e.For == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, e.For)
}
