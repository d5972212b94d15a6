//go:build !linux

package explain

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
)

// ruleFlags is empty: there are no rules of nf_tables.
type ruleFlags struct {
	given bool
	wait  time.Duration
}

func (*ruleFlags) register(*cobra.Command)    {}
func (*ruleFlags) check(*cli.FlowFlags) error { return nil }
func (*options) decide([]monitor.Walk) error  { return nil }
func (*options) follow(context.Context) error { return nil }
