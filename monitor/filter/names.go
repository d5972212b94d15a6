package filter

import "natlens/monitor"

// protocols are the names of proto: those with a word of their own, and those of /etc/protocols
// that a gateway may forward.
var protocols = func() map[string]uint64 {
	m := map[string]uint64{"ipencap": 4, "ipv6_icmp": 58}
	for n := range 256 {
		if name := monitor.Proto(n).CommonName(); name != "" {
			m[name] = uint64(n)
		}
	}
	return m
}()

// rareProtocols are the other names of /etc/protocols, which are accepted but not offered. 0
// has no name, because no flow has the protocols "ip" and "hopopt".
var rareProtocols = map[string]uint64{
	"ggp": 3, "ip_encap": 4, "st": 5, "pup": 12, "hmp": 20, "xns_idp": 22, "rdp": 27, "iso_tp4": 29, "xtp": 36,
	"ddp": 37, "idpr_cmtp": 38, "ipv6_route": 43, "ipv6_frag": 44, "idrp": 45, "ipsec_esp": 50, "ipsec_ah": 51,
	"skip": 57, "ipv6_nonxt": 59, "ipv6_opts": 60, "rspf": 73, "cphb": 73, "vmtp": 81, "ospfigp": 89, "ax.25": 93,
	"etherip": 97, "encap": 98, "ipcomp": 108, "isis": 124, "fc": 133, "mobility_header": 135, "mpls_in_ip": 137,
	"manet": 138, "hip": 139, "shim6": 140, "wesp": 141, "rohc": 142, "ethernet": 143,
}

// services are the names of ports. The table is fixed, so a filter means the same on every
// host.
var services = map[string]uint64{
	"ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "dns": 53, "bootps": 67,
	"bootpc": 68, "dhcp": 67, "tftp": 69, "http": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111, "ntp": 123,
	"netbios-ns": 137, "netbios-dgm": 138, "netbios-ssn": 139, "imap": 143, "snmp": 161, "snmp-trap": 162,
	"bgp": 179, "ldap": 389, "https": 443, "microsoft-ds": 445, "smtps": 465, "isakmp": 500, "syslog": 514,
	"submission": 587, "ldaps": 636, "domain-s": 853, "rsync": 873, "imaps": 993, "pop3s": 995,
	"openvpn": 1194, "l2f": 1701, "pptp": 1723, "radius": 1812, "nfs": 2049, "mysql": 3306, "rdp": 3389,
	"stun": 3478, "ipsec-nat-t": 4500, "sip": 5060, "sips": 5061, "mdns": 5353, "postgresql": 5432,
	"vxlan": 4789, "redis": 6379, "http-alt": 8080, "https-alt": 8443, "wireguard": 51820,
}

// bitWord is a word for bits of the status or of the NAT kind: the comparison that it means,
// and what it says.
type bitWord struct {
	word   string
	mask   uint64
	op     Op
	value  uint64
	phrase string
}

var natBitWords = []bitWord{
	{"none", natKinds, Eq, 0, "nothing rewritten"},
	{"any", natKinds, Ne, 0, "source or destination rewritten"},
	{"snat+dnat", natKinds, Eq, natKinds, "source and destination rewritten"},
	{"snat", natSource, Eq, natSource, "source rewritten"},
	{"dnat", natDest, Eq, natDest, "destination rewritten"},
	{"portonly", natPortOnly, Eq, natPortOnly, "only ports rewritten"},
	{"redirect", natRedirect, Eq, natRedirect, "redirected to this host"},
	{"untracked-bits", natNoBits, Eq, natNoBits, "rewritten without a NAT status bit"},
	{"stray-bits", natStrayBits, Eq, natStrayBits, "a NAT status bit without a rewrite"},
	{"snat-addr", natSrcAddr, Eq, natSrcAddr, "source address rewritten"},
	{"snat-port", natSrcPort, Eq, natSrcPort, "source port rewritten"},
	{"dnat-addr", natDstAddr, Eq, natDstAddr, "destination address rewritten"},
	{"dnat-port", natDstPort, Eq, natDstPort, "destination port rewritten"},
}

var statusBitWords = func() (all []bitWord) {
	phrases := [...]string{
		"expected by a helper", "packets seen in both directions",
		"assured", "in the table", "source rewritten (status)",
		"destination rewritten (status)", "sequence numbers adjusted", "passed the nat hooks for the source",
		"passed the nat hooks for the destination", "being removed",
		"timeout fixed", "a template", "lost a race of first packets",
		"helper attached by rule", "in a flow table", "in a hardware flow table",
	}
	for i, name := range monitor.StatusNames() {
		all = append(all, bitWord{name, 1 << i, Eq, 1 << i, phrases[i]})
	}
	return append(all, bitWord{"unreplied", uint64(monitor.SeenReply), Eq, 0, "no reply seen"})
}()

// bitAliases are alternative words, folded.
var bitAliases = map[string]string{
	"port_only": "portonly", "nobits": "untracked_bits", "replied": "seen_reply", "related": "expected",
}
