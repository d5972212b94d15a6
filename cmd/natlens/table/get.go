//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// getConfig is the command line of get.
type getConfig struct {
	output  cli.OutputFlags
	capture cli.CaptureFlags
	filter  cli.FilterFlags
	summary bool // count in conntrack(8)'s words
}

func NewGet(con cli.Console) *cobra.Command {
	cfg := getConfig{filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "get flags",
		Short: "Show one flow, looked up by its tuple",
		Long: `Show one flow. The kernel looks it up by its tuple, as it does for a packet: protocol, both addresses and both
ports (or ICMP type, code and id, or GRE keys) of the original direction, or of the reply direction, and the zone if
there is one. To find flows by less, list them.`,
		Example: `  natlens get -p tcp -s 192.168.77.2 -d 203.0.113.9 \
    --orig-port-src 39502 --orig-port-dst 443
  natlens get -p tcp -r 203.0.113.9 -q 203.0.113.1 \
    --reply-port-src 443 --reply-port-dst 39502`,
		Args: cfg.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cfg.run(cmd.Context(), cfg.filter.Named(con))
		},
	}
	cli.RegisterSummary(cmd, &cfg.summary)
	cfg.output.Register(cmd)
	cfg.capture.RegisterNetNS(cmd)
	cfg.filter.Register(cmd)
	cfg.filter.RegisterLabelMap(cmd)
	return cmd
}

func (c *getConfig) run(ctx context.Context, con cli.Console) error {
	if err := onlyFlows(&c.filter); err != nil {
		return err
	}
	x, err := cli.ReadExact("get", c.filter.Env, c.filter.Given)
	if err != nil {
		return err
	}
	flow, err := x.Flow()
	if err != nil {
		return err
	}
	if err := c.output.Check(); err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, ns *os.File) error {
		var b monitor.Batch
		if err := s.Get(ctx, &flow, &b); err != nil {
			return err
		}
		locals, err := netns.Locals(cli.NetnsFD(ns))
		if err != nil {
			return err
		}
		for i := range b.Events {
			e := &b.Events[i]
			e.Seq, e.Flow.Path = uint64(i+1), locals.Path(&e.Flow)
		}
		if f := c.filter.Compiled(); f != nil {
			b.Keep(f)
		}
		out, err := c.output.Open(con, ns)
		if err != nil {
			return err
		}
		if len(b.Events) > 0 {
			err = out.Sink.Write(&b)
		}
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
		if c.summary {
			return toldEntries(con, true, len(b.Events), "shown")
		}
		if len(b.Events) == 0 {
			return fmt.Errorf("the flow is there, and does not match the rest of the filter")
		}
		return nil
	})
}
