//go:build linux

package cli

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"natlens/monitor/golden"
)

// The note has a warning if other hosts can read the metrics.
func TestMetricsText(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		l, err := (&MetricsFlags{Address: address}).Listen()
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			continue // no IPv6
		}
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		golden.Words(t, address, strings.ReplaceAll(MetricsText(l), port, "PORT"))
	}
}
