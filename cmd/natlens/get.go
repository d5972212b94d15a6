//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// getConfig is the command line of get.
type getConfig struct {
	output  outputConfig
	capture captureConfig
	filter  filterConfig
	summary bool // count in conntrack(8)'s words
}

func newGet(con console) *cobra.Command {
	cfg := getConfig{filter: filterConfig{labelFile: con.LabelFile}}
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
		Args: cfg.filter.words,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cfg.run(cmd.Context(), cfg.filter.named(con))
		},
	}
	registerSummary(cmd, &cfg.summary)
	cfg.output.register(cmd)
	cfg.capture.registerNetNS(cmd)
	cfg.filter.register(cmd)
	cfg.filter.registerLabelMap(cmd)
	return cmd
}

func (c *getConfig) run(ctx context.Context, con console) error {
	if err := onlyFlows(&c.filter); err != nil {
		return err
	}
	x, err := readExact("get", c.filter.env, c.filter.given)
	if err != nil {
		return err
	}
	flow, err := x.flow()
	if err != nil {
		return err
	}
	if err := c.output.check(); err != nil {
		return err
	}
	return withService(c.capture.netns, func(s *kernel.Service, ns *os.File) error {
		var b monitor.Batch
		if err := s.Get(ctx, &flow, &b); err != nil {
			return err
		}
		locals, err := netns.Locals(netnsFD(ns))
		if err != nil {
			return err
		}
		for i := range b.Events {
			e := &b.Events[i]
			e.Seq, e.Flow.Path = uint64(i+1), locals.Path(&e.Flow)
		}
		if f := c.filter.compiled(); f != nil {
			b.Keep(f)
		}
		out, err := c.output.open(con, ns)
		if err != nil {
			return err
		}
		if len(b.Events) > 0 {
			err = out.sink.Write(&b)
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
