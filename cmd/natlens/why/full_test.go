//go:build linux

package why

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestTableFull asks about a packet to a gateway whose table is full of flows that the kernel
// does not evict.
func TestTableFull(t *testing.T) {
	labtest.Alone(t, "nf_conntrack_max")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	const flows = 200
	held, err := labtest.HoldMax(ctx, func(int) int { return flows })
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	l := labtest.NewWith(t, lab.Config{})
	s, err := kernel.OpenService(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	assured, long := monitor.SeenReply|monitor.Assured|monitor.Confirmed, uint32(600)
	for i := range flows {
		a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		f := monitor.Flow{Orig: monitor.Tuple{
			Proto: monitor.UDP, Family: monitor.IPv4, Src: monitor.AddrFrom(a), Dst: monitor.AddrFrom(b),
			SrcPort: uint16(1000 + i), DstPort: 53,
		}}
		f.Reply = f.Orig
		f.Reply.Src, f.Reply.Dst, f.Reply.SrcPort, f.Reply.DstPort = f.Orig.Dst, f.Orig.Src, f.Orig.DstPort, f.Orig.SrcPort
		if err := s.Create(t.Context(), &f, &kernel.Change{Status: &assured, Timeout: &long}); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, l, "table-full", []string{"packet", "counter"}, dial(l.Server, lab.PublishedHTTP), published)
}
