//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"natlens/monitor/kernel"
	"natlens/monitor/lab"
)

func newLab(con console) *cobra.Command {
	cfg := watchConfig{filter: filterConfig{labelFile: con.LabelFile}}
	var plain bool
	cmd := &cobra.Command{
		Use:   "lab --watch [filter…]",
		Short: "Watch a NAT gateway made for the occasion: no root, no set-up",
		Long: `Build a NAT gateway with hosts on both sides in network namespaces of their own, make traffic through it, and
watch it. The events are the kernel's; nothing on this host is touched and nothing is left. It needs no root:
without privilege it runs in a user namespace of its own.`,
		Example: "  natlens lab --watch\n  natlens lab --watch nat and tcp",
		Args:    cfg.filter.words,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !plain {
				return usagef("lab needs --watch")
			}
			if cfg.capture.netns != "" {
				return usagef("lab takes no --netns: it makes its own")
			}
			if err := lab.Enter(); err != nil {
				return err
			}
			return runLab(cmd.Context(), con, &cfg)
		},
	}
	cmd.Flags().BoolVar(&plain, "watch", false, "stream the gateway's events as natlens watch does")
	cfg.register(cmd)
	return cmd
}

// runLab builds the lab, makes traffic in it and watches its gateway.
func runLab(ctx context.Context, con console, cfg *watchConfig) error {
	l, err := lab.Build(ctx, lab.Config{Acct: true, Timestamp: true, Helpers: true, ShortTimeouts: true})
	if err != nil {
		return fmt.Errorf("build the lab: %w", err)
	}
	var traffic sync.WaitGroup
	busy, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		traffic.Wait()
		l.Close()
	}()
	return cfg.run(ctx, con, func(k *kernel.Config, s *stream) {
		k.NetNS = l.Gateway.FD()
		// Traffic begins once the capture listens: the first flows are seen too.
		s.onStart = func() { traffic.Go(func() { l.Run(busy, lab.Traffic{}) }) }
	})
}
