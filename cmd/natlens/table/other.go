//go:build !linux

package table

import (
	"context"

	"natlens/cmd/natlens/cli"
)

func (c *listConfig) run(context.Context, cli.Console) error { return cli.ErrNoKernel }
