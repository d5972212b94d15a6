//go:build linux

package cli

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// The note has a warning if other hosts can read the metrics.
func TestMetricsText(t *testing.T) {
	for address, open := range map[string]bool{"127.0.0.1:0": false, "[::]:0": true} {
		l, err := (&MetricsFlags{Address: address}).Listen()
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			continue // no IPv6
		}
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if text := MetricsText(l); strings.Contains(text, "restrict it with a firewall") != open {
			t.Errorf("%s: %s", address, text)
		}
	}
}
