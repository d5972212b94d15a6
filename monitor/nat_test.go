package monitor

import (
	"net/netip"
	"testing"
)

// natFlow builds a flow from "src:port dst:port" of both directions; for ICMP
// the first port of each is the id.
func natFlow(proto Proto, status Status, origSrc, origDst, replySrc, replyDst string) Flow {
	var f Flow
	set := func(a string) (Addr, uint16) {
		ap := netip.MustParseAddrPort(a)
		return AddrFrom(ap.Addr()), ap.Port()
	}
	f.Orig.Src, f.Orig.SrcPort = set(origSrc)
	f.Orig.Dst, f.Orig.DstPort = set(origDst)
	f.Reply.Src, f.Reply.SrcPort = set(replySrc)
	f.Reply.Dst, f.Reply.DstPort = set(replyDst)
	f.Orig.Proto, f.Reply.Proto, f.Orig.Family, f.Reply.Family = proto, proto, IPv4, IPv4
	f.Status = status
	return f
}

func icmpFlow(status Status, origSrc, origDst, replySrc, replyDst string, id, replyID uint16) Flow {
	f := natFlow(ICMP, status, origSrc+":0", origDst+":0", replySrc+":0", replyDst+":0")
	f.Orig.SetICMP(id, 8, 0)
	f.Reply.SetICMP(replyID, 0, 0)
	return f
}

func TestNAT(t *testing.T) {
	const seen = SeenReply | Confirmed
	for _, c := range []struct {
		name string
		flow Flow
		path Path
		want NAT
	}{
		{"none", natFlow(TCP, seen|SrcNATDone|DstNATDone, "10.0.0.2:1000", "192.0.2.1:80", "192.0.2.1:80", "10.0.0.2:1000"), PathForward,
			NAT{}},
		{"snat", natFlow(TCP, seen|SrcNAT, "10.0.0.2:1000", "192.0.2.1:80", "192.0.2.1:80", "203.0.113.1:1000"), PathForward,
			NAT{Kind: NATSource, SrcAddr: true}},
		{"snat, port too", natFlow(TCP, seen|SrcNAT, "10.0.0.2:1000", "192.0.2.1:80", "192.0.2.1:80", "203.0.113.1:2000"), PathForward,
			NAT{Kind: NATSource, SrcAddr: true, SrcPort: true}},
		{"snat, the port alone", natFlow(TCP, seen|SrcNAT, "10.0.0.2:1000", "192.0.2.1:80", "192.0.2.1:80", "10.0.0.2:2000"), PathOut,
			NAT{Kind: NATSource, SrcPort: true}},
		{"dnat", natFlow(TCP, seen|DstNAT, "192.0.2.1:1000", "203.0.113.1:8080", "10.0.0.2:80", "192.0.2.1:1000"), PathForward,
			NAT{Kind: NATDestination, DstAddr: true, DstPort: true}},
		{"both", natFlow(TCP, 0x1b8, "192.0.2.1:1000", "203.0.113.1:80", "10.0.0.2:80", "10.0.0.1:1000"), PathForward,
			NAT{Kind: NATBoth, SrcAddr: true, DstAddr: true}},
		{"redirect on loopback: ports alone", natFlow(TCP, seen|DstNAT, "127.0.0.1:1000", "127.0.0.1:8081", "127.0.0.1:9091", "127.0.0.1:1000"), PathLoop,
			NAT{Kind: NATDestination, DstPort: true, Redirect: true}},
		{"redirect of a client", natFlow(TCP, seen|DstNAT, "10.0.0.2:1000", "192.0.2.1:8081", "10.0.0.1:9091", "10.0.0.2:1000"), PathIn,
			NAT{Kind: NATDestination, DstAddr: true, DstPort: true, Redirect: true}},
		{"ICMP: the inverted type is not NAT", icmpFlow(seen, "10.0.0.2", "192.0.2.1", "192.0.2.1", "10.0.0.2", 77, 77), PathForward,
			NAT{}},
		{"ICMP id", icmpFlow(seen|SrcNAT, "10.0.0.2", "192.0.2.1", "192.0.2.1", "203.0.113.1", 77, 59304), PathForward,
			NAT{Kind: NATSource, SrcAddr: true, SrcPort: true}},
		{"no ports: other values in their place are not NAT", natFlow(Proto(50), seen, "10.0.0.2:1", "192.0.2.1:2", "192.0.2.1:3", "10.0.0.2:4"), PathForward,
			NAT{}},
		{"no ports: addresses are", natFlow(Proto(50), seen|SrcNAT, "10.0.0.2:0", "192.0.2.1:0", "192.0.2.1:0", "203.0.113.1:9"), PathForward,
			NAT{Kind: NATSource, SrcAddr: true}},
		{"IPVS: no bits", natFlow(TCP, seen, "192.0.2.1:1000", "203.0.113.1:80", "10.0.0.2:80", "192.0.2.1:1000"), PathForward,
			NAT{Kind: NATDestination, DstAddr: true, NoBits: true}},
		{"made by hand: bits without a rewrite", natFlow(TCP, seen|SrcNAT, "10.0.0.2:1000", "192.0.2.1:80", "192.0.2.1:80", "10.0.0.2:1000"), PathForward,
			NAT{StrayBits: true}},
		{"no reply tuple", Flow{Orig: Tuple{Src: AddrFrom4([4]byte{10, 0, 0, 2}), Dst: AddrFrom4([4]byte{192, 0, 2, 1}), SrcPort: 1, DstPort: 443,
			Proto: TCP, Family: IPv4}}, PathForward, NAT{}},
	} {
		c.flow.Path = c.path
		if got := c.flow.NAT(); got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestNATPortOnly(t *testing.T) {
	for _, c := range []struct {
		nat  NAT
		want bool
	}{
		{NAT{}, false},
		{NAT{Kind: NATSource, SrcPort: true}, true},
		{NAT{Kind: NATBoth, SrcPort: true, DstAddr: true}, false},
	} {
		if got := c.nat.PortOnly(); got != c.want {
			t.Errorf("%+v: %v", c.nat, got)
		}
	}
}

func TestPath(t *testing.T) {
	here := NewLocals([]netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("10.0.0.1")})
	for _, c := range []struct {
		name string
		flow Flow
		want Path
	}{
		{"forwarded with SNAT", natFlow(TCP, 0, "10.0.0.2:1", "192.0.2.1:80", "192.0.2.1:80", "203.0.113.1:1"), PathForward},
		{"DNAT leads on", natFlow(TCP, 0, "192.0.2.1:1", "203.0.113.1:80", "10.0.0.2:80", "192.0.2.1:1"), PathForward},
		{"to this host", natFlow(TCP, 0, "192.0.2.1:1", "203.0.113.1:22", "203.0.113.1:22", "192.0.2.1:1"), PathIn},
		{"redirected to this host", natFlow(TCP, 0, "10.0.0.2:1", "192.0.2.1:80", "10.0.0.1:3128", "10.0.0.2:1"), PathIn},
		{"from this host", natFlow(TCP, 0, "203.0.113.1:1", "192.0.2.1:80", "192.0.2.1:80", "203.0.113.1:1"), PathOut},
		{"loopback", natFlow(TCP, 0, "127.0.0.1:1", "127.0.0.53:53", "127.0.0.53:53", "127.0.0.1:1"), PathLoop},
	} {
		if got := here.Path(&c.flow); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if got := (*Locals)(nil).Path(&c.flow); got != PathUnknown {
			t.Errorf("%s: without addresses %v", c.name, got)
		}
	}
}
