package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"natlens/export/metrics"
)

// metricsConfig says where metrics are served; the zero value serves none.
type metricsConfig struct{ address string }

func (c *metricsConfig) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.address, "metrics", "", "serve metrics for Prometheus on this `ADDRESS:PORT`, such as 127.0.0.1:9742")
	inGroup(cmd.Flags(), groupOutput, "metrics")
	mustComplete(cmd, "metrics", cobra.FixedCompletions([]cobra.Completion{"127.0.0.1:9742", "[::1]:9742"}, cobra.ShellCompDirectiveNoFileComp))
}

// listen takes the port, before anything else is begun: who finds it in use is
// told so at once. The listener is nil if no metrics are asked for.
func (c *metricsConfig) listen() (net.Listener, error) {
	if c.address == "" {
		return nil, nil
	}
	l, err := metrics.Listen(c.address)
	if errors.Is(err, metrics.ErrAddress) {
		return nil, usagef("--metrics %s: %w", c.address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("--metrics %s: %w", c.address, err)
	}
	return l, nil
}

// metricsText says where the metrics are, and who may read them.
func metricsText(l net.Listener) string {
	text := fmt.Sprintf("metrics: http://%s/metrics", l.Addr())
	if !metrics.Loopback(l) {
		text += "; whoever reaches that address can read them, so that a firewall should say who does"
	}
	return text
}
