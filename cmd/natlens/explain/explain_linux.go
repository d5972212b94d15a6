package explain

import (
	"context"
	"iter"

	"natlens/monitor"
	"natlens/monitor/kernel"
)

func (o *options) kernelFlows(ctx context.Context) (iter.Seq2[*monitor.Batch, error], *monitor.Namespaces, error) {
	names := o.capture.Namespaces()
	return o.capture.Flows(ctx, o.con.Refused, kernel.DumpConfig{}, names), names, nil
}
