//go:build !linux

package watch

import (
	"context"

	"natlens/cmd/natlens/cli"
)

// Run returns an error: there is no kernel to watch.
func (o *Options) Run(context.Context, cli.Console, *cli.Gateway) error { return cli.ErrNoKernel }
