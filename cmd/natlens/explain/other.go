//go:build !linux

package explain

import (
	"context"

	"natlens/cmd/natlens/cli"
)

func (c *explainConfig) run(context.Context, cli.Console) error { return cli.ErrNoKernel }
