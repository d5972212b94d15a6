package cli

import (
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"natlens/export/metrics"
)

// MetricsFlags say where metrics are served. The zero value serves none.
type MetricsFlags struct{ Address string }

// Register adds --metrics.
func (c *MetricsFlags) Register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.Address, "metrics", "", "serve metrics for Prometheus on this `ADDRESS:PORT`, such as "+
		"127.0.0.1:9742")
	InGroup(cmd.Flags(), GroupOutput, "metrics")
	MustComplete(cmd, "metrics", cobra.FixedCompletions([]cobra.Completion{"127.0.0.1:9742", "[::1]:9742"},
		cobra.ShellCompDirectiveNoFileComp))
}

// Listen opens the port. The listener is nil without --metrics.
func (c *MetricsFlags) Listen() (net.Listener, error) {
	if c.Address == "" {
		return nil, nil
	}
	l, err := metrics.Listen(c.Address)
	if errors.Is(err, metrics.ErrAddress) {
		return nil, Usagef("--metrics %s: %w", c.Address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("--metrics %s: %w", c.Address, err)
	}
	return l, nil
}

// MetricsText says where the metrics are.
func MetricsText(l net.Listener) string {
	text := fmt.Sprintf("metrics: http://%s/metrics", l.Addr())
	if !metrics.Loopback(l) {
		text += "; anyone who reaches that address can read them: restrict it with a firewall"
	}
	return text
}
