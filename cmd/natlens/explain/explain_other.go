//go:build !linux

package explain

import (
	"context"
	"iter"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
)

func (o *options) kernelFlows(context.Context) (iter.Seq2[*monitor.Batch, error], *monitor.Namespaces, error) {
	return nil, nil, cli.ErrNoKernel
}
