//go:build linux

package lab

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPorts opens sockets one after another, and expects a local port of its own for each: a port that is used again
// would continue the flow of an earlier socket. 300 ports chosen at random repeat in four of five runs.
func TestPorts(t *testing.T) {
	l, err := Build(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	seen := map[netip.AddrPort]bool{}
	for range 300 {
		conn, err := l.Client.socket(unix.SOCK_DGRAM, unix.IPPROTO_UDP, netip.AddrPort{}, ServerDNS)
		if err != nil {
			t.Fatal(err)
		}
		seen[addrPortOf(conn.LocalAddr())] = true
		_ = conn.Close()
	}
	if len(seen) != 300 {
		t.Errorf("%d ports", len(seen))
	}
}
