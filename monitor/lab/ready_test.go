//go:build linux

package lab_test

import (
	"os"
	"strings"
	"testing"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestBuiltIsReady has the first packets through fresh labs: none may be lost
// to a link or an address that isn't ready yet.
func TestBuiltIsReady(t *testing.T) {
	t.Parallel()
	for range 10 {
		l := labtest.New(t)
		to := lab.ServerHTTPS
		if l.IPv6 {
			to = lab.ServerHTTPS6
		}
		if _, err := l.TCPOnce(t.Context(), lab.TCP{To: lab.ServerHTTP}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.TCPOnce(t.Context(), lab.TCP{From: l.Client2, To: to}); err != nil {
			t.Fatal(err)
		}
		for _, n := range []*lab.Namespace{l.Client, l.Client2, l.Gateway, l.Server} {
			if got := tcpExt(t, n, "TCPSynRetrans"); got != "0" {
				t.Errorf("%s sent %s SYNs again", n.Name(), got)
			}
		}
	}
}

// tcpExt reads a counter of the namespace, as nstat(8) does.
func tcpExt(t *testing.T, n *lab.Namespace, name string) string {
	t.Helper()
	var text []byte
	err := n.Do(func() (err error) {
		// /proc/net would be the main thread's.
		text, err = os.ReadFile("/proc/thread-self/net/netstat")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	names, values := strings.Fields(lines[0]), strings.Fields(lines[1])
	for i := range names {
		if names[i] == name {
			return values[i]
		}
	}
	t.Fatalf("no counter %s in %q", name, lines[0])
	return ""
}
