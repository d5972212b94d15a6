//go:build linux

package table

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// getOptions is the command line of get.
type getOptions struct {
	con     cli.Console
	output  cli.OutputFlags
	capture cli.CaptureFlags
	filter  cli.FilterFlags
	summary bool // count in conntrack(8)'s words
}

// NewGet returns the command get.
func NewGet(con cli.Console) *cobra.Command {
	o := getOptions{con: con, filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "get flags",
		Short: "Show one flow, looked up by its tuple",
		Long: `Show one flow. The kernel looks it up by its tuple, as it does for a packet: protocol, both
addresses and both ports (or ICMP type, code and id, or GRE keys) of the original or the reply direction, and the
zone. To find flows by less, list them.`,
		Example: `  natlens get -p tcp -s 192.168.77.2 -d 203.0.113.9 \
    --orig-port-src 39502 --orig-port-dst 443
  natlens get -p tcp -r 203.0.113.9 -q 203.0.113.1 \
    --reply-port-src 443 --reply-port-dst 39502`,
		Args: o.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cli.RegisterSummary(cmd, &o.summary)
	o.output.Register(cmd)
	o.capture.RegisterNetNS(cmd)
	o.filter.Register(cmd)
	o.filter.RegisterLabelMap(cmd)
	return cmd
}

func (o *getOptions) run(ctx context.Context) error {
	o.con = o.filter.Named(o.con)
	if err := onlyFlows(&o.filter); err != nil {
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
	if err := o.output.Check(); err != nil {
		return err
	}
	return cli.WithService(o.capture.Netns, func(s *kernel.Service, file *os.File) error {
		var b monitor.Batch
		if err := s.Get(ctx, &flow, &b); err != nil {
			return err
		}
		locals, err := netns.Locals(cli.NetnsFD(file))
		if err != nil {
			return err
		}
		for i := range b.Events {
			b.Events[i].Flow.Path = locals.Path(&b.Events[i].Flow)
		}
		n, err := show(o.con, &o.output, func(yield func(*monitor.Batch, error) bool) { yield(&b, nil) },
			o.filter.Compiled(), 0)
		switch {
		case err != nil:
			return err
		case o.summary:
			return doneTo(o.con, true, n, "show", "shown")
		case n == 0:
			return errors.New("the flow exists, but does not match the rest of the filter")
		}
		return nil
	})
}
