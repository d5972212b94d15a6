//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/ui"
	"natlens/cmd/natlens/watch"
	"natlens/monitor/lab"
)

func newLab(d ui.Deps) *cobra.Command {
	con := d.Con
	stream := watch.Options{Filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	screen := ui.NewOptions(d)
	var plain bool
	cmd := &cobra.Command{
		Use:   "lab [--watch] [filter…]",
		Short: "Watch a NAT gateway made for the occasion: no root, no set-up",
		Long: `Build a NAT gateway with hosts on both sides in network namespaces of their own, make traffic through it, and
open the terminal UI in the gateway, or with --watch stream its events as natlens watch does. The events are the
kernel's; nothing on this host is touched and nothing is left. It needs no root: without privilege it runs in a
user namespace of its own.`,
		Example: "  natlens lab\n  natlens lab --watch\n  natlens lab --watch nat and tcp",
		Args:    stream.Filter.Words,
		RunE: func(cmd *cobra.Command, args []string) error {
			if stream.Capture.Netns != "" {
				return cli.Usagef("lab takes no --netns: it makes its own")
			}
			if err := labFlags(cmd, plain); err != nil {
				return err
			}
			if err := lab.Enter(); err != nil {
				return err
			}
			if !plain {
				if _, ok := cli.Terminal(con.Stdout); !ok {
					return cli.Usagef("standard output is no terminal: natlens lab --watch streams the events as lines")
				}
				screen.SetFilter(args)
			}
			return runLab(cmd.Context(), func(ctx context.Context, at *cli.Gateway) error {
				if plain {
					return stream.Run(ctx, con, at)
				}
				screen.Capture, screen.Metrics, screen.Thresholds = stream.Capture, stream.Metrics, stream.Thresholds
				return screen.Run(ctx, at)
			})
		},
	}
	cmd.Flags().BoolVar(&plain, "watch", false, "stream the gateway's events as natlens watch does")
	screen.RegisterTheme(cmd)
	stream.Register(cmd)
	return cmd
}

// labFlags refuses flags that would be ignored: those of the stream without
// --watch, those of the UI with it.
func labFlags(cmd *cobra.Command, plain bool) (err error) {
	ui := []string{"theme"}
	both := []string{"watch", "capture", "ring", "buffer-size", "metrics", "threshold", "help"}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case err != nil || slices.Contains(both, f.Name):
		case plain && slices.Contains(ui, f.Name):
			err = cli.Usagef("--%s is for the terminal UI: not together with --watch", f.Name)
		case !plain && !slices.Contains(ui, f.Name):
			err = cli.Usagef("--%s is for natlens lab --watch; the terminal UI takes words of a filter", f.Name)
		}
	})
	return err
}

// runLab builds the lab and has its gateway watched. The traffic begins when the
// capture listens, so that the first flows are seen too.
func runLab(ctx context.Context, watch func(context.Context, *cli.Gateway) error) error {
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
	return watch(ctx, &cli.Gateway{FD: l.Gateway.FD(), Name: "lab gateway", Started: func() {
		traffic.Go(func() { l.Run(busy, lab.Traffic{}) })
	}})
}
