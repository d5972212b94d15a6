//go:build linux

package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// serverMAC is fixed so that the gateway can send to the black hole's
// addresses without asking for a neighbour that would never answer.
var serverMAC = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x09}

// cable joins an interface of the gateway to a host.
type cable struct {
	name  string // the gateway's end
	index int    // its interface index
	host  *Namespace
	addrs []netip.Prefix // of the gateway's end
	peer  []netip.Prefix // of the host's end
	mac   net.HardwareAddr
	// via are the addresses that the host routes everything else to.
	via []netip.Addr
}

// cables returns the topology. The clients share one subnet on two cables: the
// gateway's second one carries host routes, and proxy ARP lets the clients
// reach each other through it. That spares a bridge, which not every kernel
// has and which may run packets through conntrack twice (br_netfilter).
func (l *Lab) cables() []cable {
	lanGateway := []netip.Addr{GatewayLAN, GatewayLAN6}
	return []cable{
		{
			name: IfLAN, index: 11, host: l.Client, via: lanGateway,
			addrs: prefixes(LAN.Bits(), LAN6.Bits(), GatewayLAN, GatewayLAN6),
			peer:  prefixes(LAN.Bits(), LAN6.Bits(), ClientIP, ClientIP6),
		},
		{
			name: IfLAN2, index: 12, host: l.Client2, via: lanGateway,
			addrs: prefixes(32, 128, GatewayLAN, GatewayLAN6),
			peer:  prefixes(LAN.Bits(), LAN6.Bits(), Client2IP, Client2IP6),
		},
		{
			name: IfWAN, index: 13, host: l.Server, mac: serverMAC,
			addrs: prefixes(WAN.Bits(), WAN6.Bits(), GatewayWAN, GatewayWAN6),
			peer:  prefixes(WAN.Bits(), WAN6.Bits(), ServerIP, ServerIP6),
			// The server knows no way to 192.168.77.0/24, as on the Internet:
			// what reaches it has been translated. IPv6 is routed.
			via: []netip.Addr{GatewayWAN6},
		},
	}
}

func prefixes(bits4, bits6 int, v4, v6 netip.Addr) []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(v4, bits4), netip.PrefixFrom(v6, bits6)}
}

// wire makes interfaces, addresses, routes and the black hole.
func (l *Lab) wire() error {
	gw, err := netlink.NewHandleAt(netns.NsHandle(l.Gateway.FD()), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("netlink in the gateway: %w", err)
	}
	defer gw.Close()
	if err := linkUp(gw, "lo"); err != nil {
		return err
	}
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
		route := &netlink.Route{LinkIndex: lan2.Attrs().Index, Dst: ipNet(netip.PrefixFrom(to, to.BitLen())), Scope: netlink.SCOPE_LINK}
		if err := gw.RouteAdd(route); err != nil {
			return fmt.Errorf("route to %s: %w", to, err)
		}
	}
	return l.dig(gw)
}

// dig makes the black hole: the gateway's neighbour entries for its addresses
// lead to the server, which does not own them and does not forward.
func (l *Lab) dig(gw *netlink.Handle) error {
	wan, err := gw.LinkByName(IfWAN)
	if err != nil {
		return err
	}
	for _, to := range l.families(Blackhole, Blackhole6) {
		n := &netlink.Neigh{LinkIndex: wan.Attrs().Index, State: netlink.NUD_PERMANENT, IP: to.AsSlice(), HardwareAddr: serverMAC}
		if err := gw.NeighSet(n); err != nil {
			return fmt.Errorf("black hole %s: %w", to, err)
		}
	}
	return nil
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
	host, err := netlink.NewHandleAt(netns.NsHandle(c.host.FD()), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("netlink in %s: %w", c.host.name, err)
	}
	defer host.Close()
	if err := linkUp(host, "lo"); err != nil {
		return err
	}
	if err := l.configure(host, IfHost, c.peer); err != nil {
		return err
	}
	if err := l.configure(gw, c.name, c.addrs); err != nil {
		return err
	}
	for _, end := range []struct {
		h     *netlink.Handle
		name  string
		addrs []netip.Prefix
	}{{host, IfHost, c.peer}, {gw, c.name, c.addrs}} {
		if err := l.settled(end.h, end.name, end.addrs); err != nil {
			return fmt.Errorf("%s: %w", end.name, err)
		}
	}
	for _, via := range l.families(c.via...) {
		if err := host.RouteAdd(&netlink.Route{Gw: via.AsSlice()}); err != nil {
			return fmt.Errorf("default route of %s via %s: %w", c.host.name, via, err)
		}
	}
	return nil
}

// configure raises a link and gives it addresses, usable at once: without
// duplicate address detection.
func (l *Lab) configure(h *netlink.Handle, name string, addrs []netip.Prefix) error {
	if err := linkUp(h, name); err != nil {
		return err
	}
	link, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	for _, p := range addrs {
		if p.Addr().Is6() && !l.IPv6 {
			continue
		}
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

func linkUp(h *netlink.Handle, name string) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("link %s up: %w", name, err)
	}
	return nil
}

// settled waits until a link carries packets and its addresses are the host's.
// The end of a pair that was raised first drops packets until the kernel's link
// watch has seen the second one; for links whose index is their peer's (hence
// cable.index) that may take a second. An IPv6 address becomes local in a work
// queue, even without duplicate address detection.
func (l *Lab) settled(h *netlink.Handle, name string, addrs []netip.Prefix) error {
	err := eventually(func() error {
		link, err := h.LinkByName(name)
		if err == nil && link.Attrs().OperState != netlink.OperUp {
			err = fmt.Errorf("the link is %s, not up", link.Attrs().OperState)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range addrs {
		if p.Addr().Is6() && !l.IPv6 {
			continue
		}
		err := eventually(func() error {
			routes, err := h.RouteGet(p.Addr().AsSlice())
			if err == nil && (len(routes) != 1 || routes[0].Type != unix.RTN_LOCAL) {
				err = fmt.Errorf("the address %s is not local yet", p.Addr())
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eventually tries until it succeeds, for some seconds.
func eventually(try func() error) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if err := try(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// families returns the addresses of the families that the kernel has.
func (l *Lab) families(addrs ...netip.Addr) []netip.Addr {
	var have []netip.Addr
	for _, a := range addrs {
		if a.Is4() || l.IPv6 {
			have = append(have, a)
		}
	}
	return have
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// haveIPv6 tells whether the kernel has IPv6 (it can be left out at boot).
func haveIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}
