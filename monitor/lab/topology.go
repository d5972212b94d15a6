//go:build linux

package lab

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// serverMAC is fixed, so that the gateway can send to the black hole's addresses
// without resolving a neighbour that never answers.
var serverMAC = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x09}

// cable is a veth pair between the gateway and a host.
type cable struct {
	name  string // of the gateway's end
	index int    // interface index of the gateway's end
	host  *Namespace
	addrs []netip.Prefix // of the gateway's end
	peer  []netip.Prefix // of the host's end
	mac   net.HardwareAddr
	via   []netip.Addr // the host's default routes
}

// cables returns the topology. The clients share one subnet on two cables: the
// gateway's second end has host routes, and proxy ARP lets the clients reach each
// other. There is no bridge: some kernels have none, and br_netfilter may run packets
// through conntrack twice.
func (l *Lab) cables() []cable {
	lanGateway := []netip.Addr{GatewayLAN, GatewayLAN6}
	return []cable{
		{
			name: IfLAN, index: 11, host: l.Client, via: lanGateway,
			addrs: l.prefixes(24, 64, GatewayLAN, GatewayLAN6),
			peer:  l.prefixes(24, 64, ClientIP, ClientIP6),
		},
		{
			name: IfLAN2, index: 12, host: l.Client2, via: lanGateway,
			addrs: l.prefixes(32, 128, GatewayLAN, GatewayLAN6),
			peer:  l.prefixes(24, 64, Client2IP, Client2IP6),
		},
		{
			name: IfWAN, index: 13, host: l.Server, mac: serverMAC,
			addrs: l.prefixes(24, 64, GatewayWAN, GatewayWAN6),
			peer:  l.prefixes(24, 64, ServerIP, ServerIP6),
			// As on the Internet, the server has no route to 192.168.77.0/24: every
			// packet that reaches it was translated. IPv6 is routed.
			via: []netip.Addr{GatewayWAN6},
		},
	}
}

// prefixes returns a prefix for each family that the kernel has.
func (l *Lab) prefixes(bits4, bits6 int, v4, v6 netip.Addr) []netip.Prefix {
	ps := []netip.Prefix{netip.PrefixFrom(v4, bits4)}
	if l.IPv6 {
		ps = append(ps, netip.PrefixFrom(v6, bits6))
	}
	return ps
}

// wire makes interfaces, addresses, routes and the black hole.
func (l *Lab) wire() error {
	gw, err := l.Gateway.routes()
	if err != nil {
		return err
	}
	defer gw.Close()
	for _, c := range l.cables() {
		if err := l.plug(gw, c); err != nil {
			return fmt.Errorf("cable %s: %w", c.name, err)
		}
	}
	lan2, err := gw.LinkByName(IfLAN2)
	if err != nil {
		return err
	}
	for _, to := range l.families(Client2IP, Client2IP6) {
		host := ipNet(netip.PrefixFrom(to, to.BitLen()))
		route := &netlink.Route{LinkIndex: lan2.Attrs().Index, Dst: host, Scope: netlink.SCOPE_LINK}
		if err := gw.RouteAdd(route); err != nil {
			return fmt.Errorf("route to %s: %w", to, err)
		}
	}
	wan, err := gw.LinkByName(IfWAN)
	if err != nil {
		return err
	}
	// The neighbour entries of the black hole point to the server, which neither has
	// the addresses nor forwards.
	for _, to := range l.families(Blackhole, Blackhole6) {
		n := &netlink.Neigh{
			LinkIndex: wan.Attrs().Index, State: netlink.NUD_PERMANENT, IP: to.AsSlice(), HardwareAddr: serverMAC,
		}
		if err := gw.NeighSet(n); err != nil {
			return fmt.Errorf("black hole %s: %w", to, err)
		}
	}
	return nil
}

// routes opens rtnetlink in the namespace and sets its loopback interface up.
func (n *Namespace) routes() (*netlink.Handle, error) {
	h, err := netlink.NewHandleAt(netns.NsHandle(n.FD()), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink in %s: %w", n.name, err)
	}
	if err := configure(h, "lo", nil); err != nil {
		h.Close()
		return nil, fmt.Errorf("%s: %w", n.name, err)
	}
	return h, nil
}

// plug makes one veth pair and configures both ends.
func (l *Lab) plug(gw *netlink.Handle, c cable) error {
	pair := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: c.name, Index: c.index},
		PeerName:         IfHost,
		PeerNamespace:    netlink.NsFd(c.host.FD()),
		PeerHardwareAddr: c.mac,
	}
	if err := gw.LinkAdd(pair); err != nil {
		return fmt.Errorf("add veth: %w", err)
	}
	host, err := c.host.routes()
	if err != nil {
		return err
	}
	defer host.Close()
	if err := configure(host, IfHost, c.peer); err != nil {
		return err
	}
	if err := configure(gw, c.name, c.addrs); err != nil {
		return err
	}
	if err := ready(host, IfHost, c.peer); err != nil {
		return err
	}
	if err := ready(gw, c.name, c.addrs); err != nil {
		return err
	}
	for _, via := range l.families(c.via...) {
		if err := host.RouteAdd(&netlink.Route{Gw: via.AsSlice()}); err != nil {
			return fmt.Errorf("default route of %s via %s: %w", c.host.name, via, err)
		}
	}
	return nil
}

// configure sets a link up and adds its addresses, without duplicate address detection.
func configure(h *netlink.Handle, name string, addrs []netip.Prefix) error {
	link, err := h.LinkByName(name)
	if err == nil {
		err = h.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	for _, p := range addrs {
		a := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := h.AddrAdd(link, a); err != nil {
			return fmt.Errorf("address %s on %s: %w", p, name, err)
		}
	}
	return nil
}

// ready waits until the link carries packets and its addresses are local. The first
// end of a pair drops packets until the kernel's link watch has seen the second one; if
// both have the same index (hence cable.index), that may take a second. An IPv6 address
// becomes local in a work queue, even without duplicate address detection.
func ready(h *netlink.Handle, name string, addrs []netip.Prefix) error {
	return eventually(func() error {
		link, err := h.LinkByName(name)
		if err != nil {
			return err
		}
		if link.Attrs().OperState != netlink.OperUp {
			return fmt.Errorf("the link %s is %s, not up", name, link.Attrs().OperState)
		}
		for _, p := range addrs {
			routes, err := h.RouteGet(p.Addr().AsSlice())
			if err != nil {
				return err
			}
			if len(routes) != 1 || routes[0].Type != unix.RTN_LOCAL {
				return fmt.Errorf("the address %s of %s is not local yet", p.Addr(), name)
			}
		}
		return nil
	})
}

// eventually calls try until it succeeds, for up to 5 seconds.
func eventually(try func() error) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if err := try(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
