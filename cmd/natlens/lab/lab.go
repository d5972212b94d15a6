//go:build linux

// Package lab is the command that builds a NAT gateway in temporary network namespaces and
// watches it.
package lab

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

type options struct {
	con    cli.Console
	plain  bool // --watch: a stream instead of the terminal UI
	stream watch.Options
	screen *ui.Options
}

// New returns the command.
func New(con cli.Console) *cobra.Command {
	o := options{con: con, stream: watch.Options{Filter: cli.FilterFlags{LabelFile: con.LabelFile}},
		screen: ui.NewOptions(con)}
	cmd := &cobra.Command{
		Use:   "lab [--watch] [filter…]",
		Short: "Watch a temporary NAT gateway: no root, no set-up",
		Long: `Build a NAT gateway with hosts on both sides in temporary network namespaces, make traffic through
it, and open the terminal UI in the gateway. With --watch, stream its events as natlens watch does. The events are
real events of the kernel. The lab changes nothing on this host and leaves nothing behind. It needs no root: without
privilege it runs in a new user namespace.`,
		Example: `  natlens lab
  natlens lab --watch
  natlens lab --watch nat and tcp`,
		Args: o.stream.Filter.Words,
		RunE: func(cmd *cobra.Command, words []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), words)
		},
	}
	cmd.Flags().BoolVar(&o.plain, "watch", false, "stream the gateway's events as natlens watch does")
	o.screen.RegisterScreen(cmd)
	o.screen.RegisterBits(cmd)
	o.stream.Register(cmd)
	return cmd
}

// check rejects flags that would be ignored: those of the stream without --watch, those of the
// UI with it.
func (o *options) check(cmd *cobra.Command) (err error) {
	both := []string{"watch", "capture", "ring", "buffer-size", "metrics", "threshold", "help"}
	if o.stream.Capture.Netns != "" {
		return cli.Usagef("lab does not accept --netns: it makes its own namespaces")
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case err != nil || slices.Contains(both, f.Name):
		case o.plain && slices.Contains(ui.ScreenFlags, f.Name):
			err = cli.Usagef("--%s is for the terminal UI: not together with --watch", f.Name)
		case !o.plain && !slices.Contains(ui.ScreenFlags, f.Name):
			err = cli.Usagef("--%s works only with --watch; for the terminal UI give the filter as words", f.Name)
		}
	})
	return err
}

func (o *options) run(ctx context.Context, words []string) error {
	if err := lab.Enter(); err != nil {
		return err
	}
	if _, ok := cli.Terminal(o.con.Stdout); !ok && !o.plain {
		return cli.Usagef("standard output is not a terminal: natlens lab --watch streams the events as lines")
	}
	return withGateway(ctx, func(ctx context.Context, at *cli.Gateway) error {
		if o.plain {
			return o.stream.Run(ctx, o.con, at)
		}
		o.screen.SetFilter(words)
		o.screen.Process = o.stream.Filter.Process
		o.screen.Capture, o.screen.Metrics, o.screen.Thresholds = o.stream.Capture, o.stream.Metrics,
			o.stream.Thresholds
		return o.screen.Run(ctx, at)
	})
}

// withGateway builds the lab and calls f with its gateway. The traffic begins when the capture
// has started, so that it captures the first flows too.
func withGateway(ctx context.Context, f func(context.Context, *cli.Gateway) error) error {
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
	return f(ctx, &cli.Gateway{FD: l.Gateway.FD(), Name: "lab gateway", Started: func() {
		traffic.Go(func() { l.Run(busy, lab.Traffic{}) })
	}})
}
