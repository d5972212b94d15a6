//go:build !linux

package table

import (
	"context"
	"iter"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
)

func (o *listOptions) kernelFlows(context.Context) (iter.Seq2[*monitor.Batch, error], error) {
	return nil, cli.ErrNoKernel
}

func (o *listOptions) whyEmpty(context.Context) {}
