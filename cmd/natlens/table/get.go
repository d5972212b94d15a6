//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// NewGet returns the command get.
func NewGet(con cli.Console) *cobra.Command {
	o := newOptions(con)
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Show one flow, looked up by its tuple",
		Long: `Show one flow. The kernel looks it up by its tuple, as it does for a packet: protocol, both
addresses and both ports (or ICMP type, code and id, or GRE keys) of the original or the reply direction, and the
zone. If you do not know all of these, use natlens list.`,
		Example: `  natlens get -p tcp -s 192.168.77.2 -d 203.0.113.9 \
    --orig-port-src 39502 --orig-port-dst 443
  natlens get -p tcp -r 203.0.113.9 -q 203.0.113.1 \
    --reply-port-src 443 --reply-port-dst 39502`,
		Args: o.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.get(cmd.Context()) },
	}
	o.output.Register(cmd)
	o.flows.Capture.RegisterNetNS(cmd)
	o.register(cmd)
	return cmd
}

func (o *options) get(ctx context.Context) error {
	if err := o.start(); err != nil {
		return err
	}
	x, err := cli.ReadExact("get", o.filter.Env, o.filter.Given)
	if err != nil {
		return err
	}
	flow, err := x.Flow()
	if err != nil {
		return err
	}
	return o.flows.Capture.Service(func(s *kernel.Service) error {
		var b monitor.Batch
		if err := s.Get(ctx, &flow, &b); err != nil {
			return err
		}
		locals, err := netns.Locals(s.NetNS)
		if err != nil {
			return err
		}
		for i := range b.Events {
			b.Events[i].Flow.Path = locals.Path(&b.Events[i].Flow)
		}
		n, err := o.show(func(yield func(*monitor.Batch, error) bool) { yield(&b, nil) }, o.filter.Compiled(), 0)
		switch {
		case err != nil:
			return err
		case o.summary:
			return o.done(n, "shown")
		case n == 0:
			return errors.New("the flow exists, but does not match the rest of the filter")
		}
		return nil
	})
}

// partly reports how many flows were changed before the error that ended the run, and returns
// the error.
func (o *options) partly(n uint64, done string, err error) error {
	if n > 0 {
		cli.TellDone(o.con, o.summary, n, "flow", done)
	}
	return err
}

// done reports how many flows were changed, and how many failed. If any failed, or none was
// changed, the exit code is 1. With --ignore-missing, no change is allowed.
func (o *options) done(n uint64, done string) error {
	if o.failed > 0 {
		done += fmt.Sprintf(", %s failed", human.Count(o.failed))
	}
	cli.TellDone(o.con, o.summary, n, "flow", done)
	if n == 0 && !o.ignoreMissing || o.failed > 0 {
		return cli.ErrSilent
	}
	return nil
}
