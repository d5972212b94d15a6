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
	index int    // interface index of the gateway's end; the host's end has another
	host  *Namespace
	mac   net.HardwareAddr // of the host's end
	addrs []netip.Prefix   // of the gateway's end
	peer  []netip.Prefix   // of the host's end
	via   []netip.Addr     // the host's default routes
}

const indexLAN, indexLAN2, indexWAN = 11, 12, 13

// cables returns the topology. The clients share one subnet on two cables: the
// gateway's second end has host routes, and proxy ARP lets the clients reach each
// other. There is no bridge: some kernels have none, and br_netfilter may run packets
// through conntrack twice. As on the Internet, the server has no route to
// 192.168.77.0/24: every packet that reaches it was translated. IPv6 is routed.
func (l *Lab) cables() []cable {
	nets := func(bits4, bits6 int, addrs ...netip.Addr) (ps []netip.Prefix) {
		for _, a := range l.families(addrs...) {
			ps = append(ps, netip.PrefixFrom(a, map[bool]int{true: bits4, false: bits6}[a.Is4()]))
		}
		return ps
	}
	lanGateway := l.families(GatewayLAN, GatewayLAN6)
	return []cable{
		{IfLAN, indexLAN, l.Client, nil,
			nets(24, 64, lanGateway...), nets(24, 64, ClientIP, ClientIP6), lanGateway},
		{IfLAN2, indexLAN2, l.Client2, nil,
			nets(32, 128, lanGateway...), nets(24, 64, Client2IP, Client2IP6), lanGateway},
		{IfWAN, indexWAN, l.Server, serverMAC,
			nets(24, 64, GatewayWAN, GatewayWAN6), nets(24, 64, ServerIP, ServerIP6), l.families(GatewayWAN6)},
	}
}

// wire makes interfaces, addresses, routes and the black hole.
func (l *Lab) wire() error {
	gw, err := l.Gateway.Routes()
	if err != nil {
		return err
	}
	defer gw.Close()
	for _, c := range l.cables() {
		if err := plug(gw, c); err != nil {
			return fmt.Errorf("cable %s: %w", c.name, err)
		}
	}
	for _, to := range l.families(Client2IP, Client2IP6) {
		host := netlink.NewIPNet(to.AsSlice())
		if err := gw.RouteAdd(&netlink.Route{LinkIndex: indexLAN2, Dst: host, Scope: netlink.SCOPE_LINK}); err != nil {
			return fmt.Errorf("route to %s: %w", to, err)
		}
	}
	// The neighbour entries of the black hole point to the server, which neither has
	// the addresses nor forwards.
	for _, to := range l.families(Blackhole, Blackhole6) {
		n := &netlink.Neigh{
			LinkIndex: indexWAN, State: netlink.NUD_PERMANENT, IP: to.AsSlice(), HardwareAddr: serverMAC,
		}
		if err := gw.NeighSet(n); err != nil {
			return fmt.Errorf("black hole %s: %w", to, err)
		}
	}
	return nil
}

// Routes opens rtnetlink in the namespace and sets its loopback interface up. The caller
// closes it.
func (n *Namespace) Routes() (*netlink.Handle, error) {
	h, err := netlink.NewHandleAt(netns.NsHandle(n.FD()), unix.NETLINK_ROUTE)
	if err == nil {
		if err = configure(h, "lo", nil); err != nil {
			h.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("netlink in %s: %w", n.name, err)
	}
	return h, nil
}

// plug makes one veth pair and configures both ends.
func plug(gw *netlink.Handle, c cable) error {
	pair := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: c.name, Index: c.index},
		PeerName:         IfHost,
		PeerNamespace:    netlink.NsFd(c.host.FD()),
		PeerHardwareAddr: c.mac,
	}
	if err := gw.LinkAdd(pair); err != nil {
		return fmt.Errorf("add veth: %w", err)
	}
	host, err := c.host.Routes()
	if err != nil {
		return err
	}
	defer host.Close()
	for _, step := range []func(*netlink.Handle, string, []netip.Prefix) error{configure, ready} {
		if err := step(host, IfHost, c.peer); err != nil {
			return err
		}
		if err := step(gw, c.name, c.addrs); err != nil {
			return err
		}
	}
	for _, via := range c.via {
		if err := host.RouteAdd(&netlink.Route{Gw: via.AsSlice()}); err != nil {
			return fmt.Errorf("default route of %s via %s: %w", c.host.name, via, err)
		}
	}
	return nil
}

// configure sets a link up and adds its addresses.
func configure(h *netlink.Handle, name string, addrs []netip.Prefix) error {
	link, err := h.LinkByName(name)
	if err == nil {
		err = h.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	for _, p := range addrs {
		ip := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
		if err := h.AddrAdd(link, &netlink.Addr{IPNet: ip}); err != nil {
			return fmt.Errorf("address %s on %s: %w", p, name, err)
		}
	}
	return nil
}

// ready waits up to 5 seconds until the link carries packets and its addresses are
// local. The first end of a pair drops packets until the kernel's link watch has seen
// the second one; if both have the same index (hence cable.index), that may take a
// second. An IPv6 address becomes local in a work queue.
func ready(h *netlink.Handle, name string, addrs []netip.Prefix) error {
	check := func() error {
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
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if err := check(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// The lab's addresses, of the documentation ranges where these are wide enough
// (RFC 5737, RFC 3849). All IPv4 networks are /24, all IPv6 networks /64. IPv6 is routed
// without NAT.
var (
	GatewayLAN  = netip.MustParseAddr("192.168.77.1")
	GatewayLAN6 = netip.MustParseAddr("2001:db8:77::1")
	ClientIP    = netip.MustParseAddr("192.168.77.2")
	ClientIP6   = netip.MustParseAddr("2001:db8:77::2")
	Client2IP   = netip.MustParseAddr("192.168.77.3")
	Client2IP6  = netip.MustParseAddr("2001:db8:77::3")
	GatewayWAN  = netip.MustParseAddr("203.0.113.1")
	GatewayWAN6 = netip.MustParseAddr("2001:db8:cb::1")
	ServerIP    = netip.MustParseAddr("203.0.113.9")
	ServerIP6   = netip.MustParseAddr("2001:db8:cb::9")

	// Packets to the black hole pass the gateway, reach the server's interface and are
	// dropped there without an answer.
	Blackhole  = netip.MustParseAddr("203.0.113.66")
	Blackhole6 = netip.MustParseAddr("2001:db8:cb::66")
)

// The services. The server answers on the same ports of ServerIP6.
var (
	ServerHTTP  = netip.AddrPortFrom(ServerIP, 80)
	ServerHTTPS = netip.AddrPortFrom(ServerIP, 443)
	ServerSSH   = netip.AddrPortFrom(ServerIP, 22)
	ServerFTP   = netip.AddrPortFrom(ServerIP, 21)
	ServerDNS   = netip.AddrPortFrom(ServerIP, 53)
	// Takes UDP datagrams and never answers.
	ServerDiscard = netip.AddrPortFrom(ServerIP, 9)
	ServerHTTPS6  = netip.AddrPortFrom(ServerIP6, 443)
	ServerDNS6    = netip.AddrPortFrom(ServerIP6, 53)

	// From the server's side: DNAT to port 80 of the client.
	PublishedHTTP = netip.AddrPortFrom(GatewayWAN, 8080)
	ClientHTTP    = netip.AddrPortFrom(ClientIP, 80)
	// Port 8081 of any address from the clients, and 127.0.0.1:8081 from the gateway, are
	// redirected to port 9091 of the gateway.
	Redirected         = netip.AddrPortFrom(ServerIP, 8081)
	RedirectedLoopback = netip.MustParseAddrPort("127.0.0.1:8081")
)

// The gateway's interfaces, and the one of every other host.
const (
	IfLAN  = "lan"  // to client
	IfLAN2 = "lan2" // to client2
	IfWAN  = "wan"  // to server
	IfHost = "eth0"
)

// redirectPort is the port of the gateway that redirected connections reach.
const redirectPort = 9091
