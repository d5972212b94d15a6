//go:build linux

package capture

import (
	"context"
	"testing"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// With nf_conntrack_events=2, a flow sends events if somebody listened when it was
// born, in whatever network namespace: it is the whole kernel that notes whether
// anybody does.
func TestListenerElsewhere(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		elsewhere, l := labtest.New(t), labtest.NewWith(t,
			lab.Config{Sysctls: map[string]string{"net.netfilter.nf_conntrack_events": "2"}})
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		listener := w.start(t, Config{NetNS: elsewhere.Gateway.FD()})
		mark(t, l, 40001)
		c := w.start(t, Config{NetNS: l.Gateway.FD()})
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := kernel.OpenService(l.Gateway.FD())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := collect(ctx, c, func(e received) bool { return e.kind == monitor.KindDestroy }); err != nil {
			t.Error(err)
		}
	})
}
