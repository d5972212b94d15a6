//go:build linux

package annotate

import (
	"net/netip"
	"testing"

	"natlens/monitor"
)

// A thousand containers have an address each of both families. A flow belongs to the container of
// its sender, otherwise of its receiver; an address that several have belongs to none.
func TestContainerOfAddress(t *testing.T) {
	const count = 1000
	v4 := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 244, byte(i >> 8), byte(i)}) }
	v6 := func(i int) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 8), byte(i), 15: 1}) // a network each
	}
	shared := []netip.Addr{netip.MustParseAddr("10.0.2.100"), netip.IPv6LinkLocalAllNodes(), netip.MustParseAddr("127.0.0.1"),
		netip.MustParseAddr("fe80::1"), netip.IPv6Unspecified()}
	a := addresses{boxes: map[uint64]*box{1 << 32: {}}}
	owners := make([]*monitor.Local, count)
	for i := range owners {
		owners[i] = new(monitor.Local)
		a.boxes[uint64(i)] = &box{owner: owners[i], addrs: append([]netip.Addr{v4(i), v6(i), v4(i)}, shared...)}
	}
	a.publish()
	of := func(from, to netip.Addr) *monitor.Local {
		var f monitor.Flow
		f.Orig.Src, f.Reply.Src = monitor.AddrFrom(from), monitor.AddrFrom(to)
		return a.now.Load().of(&f)
	}
	for i, want := range owners {
		other := (i + 1) % count
		for _, ends := range [][2]netip.Addr{{v4(i), v4(other)}, {v6(i), v6(other)}, {v4(count + i), v4(i)}, {v6(count + i), v6(i)}} {
			if of(ends[0], ends[1]) != want {
				t.Errorf("a flow from %s to %s is not of container %d", ends[0], ends[1], i)
			}
		}
	}
	for _, addr := range append(shared, v4(count), v6(count)) {
		if of(addr, addr) != nil {
			t.Errorf("%s has a container", addr)
		}
	}
	if new(addresses).now.Load().of(new(monitor.Flow)) != nil {
		t.Error("a container without addresses")
	}
}
