//go:build linux

package lab

import "net/netip"

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
	// Control connections of helpers. The server has no such services: tests bring theirs.
	ServerTFTP = netip.AddrPortFrom(ServerIP, 69)
	ServerSIP  = netip.AddrPortFrom(ServerIP, 5060)
	ServerPPTP = netip.AddrPortFrom(ServerIP, 1723)
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
