//go:build linux

package lab

import (
	"cmp"
	"maps"
	"slices"
)

// A new namespace may inherit IPv4 settings from the host
// (net.core.devconf_inherit_init_net), so the lab states all that it relies on.
// The ipv6 ones make link-local addresses usable at once, without duplicate
// address detection (neighbour solicitations for forwarded packets need one).
var (
	everywhere = map[string]string{
		"net.ipv4.conf.all.rp_filter":     "0",
		"net.ipv4.conf.default.rp_filter": "0",
	}
	everywhere6 = map[string]string{
		"net.ipv6.conf.all.disable_ipv6":             "0",
		"net.ipv6.conf.default.disable_ipv6":         "0",
		"net.ipv6.conf.default.accept_dad":           "0",
		"net.ipv6.conf.default.accept_ra":            "0",
		"net.ipv6.conf.default.router_solicitations": "0",
	}
	hostOnly     = map[string]string{"net.ipv4.ip_forward": "0"}
	gatewayOnly  = map[string]string{"net.ipv4.ip_forward": "1", "net.ipv4.conf.default.proxy_arp": "1"}
	gatewayOnly6 = map[string]string{"net.ipv6.conf.all.forwarding": "1"}
	// nf_conntrack_checksum is off because UDP-Lite would never be tracked: for
	// its pseudo header udplite_error (nf_conntrack_proto_udp.c) takes the
	// number of UDP, so every checksum that the sender computed looks wrong.
	conntrackOnly = map[string]string{"net.netfilter.nf_conntrack_checksum": "0"}
	shortTimeouts = map[string]string{
		"net.netfilter.nf_conntrack_tcp_timeout_syn_sent":  "5",
		"net.netfilter.nf_conntrack_tcp_timeout_fin_wait":  "5",
		"net.netfilter.nf_conntrack_tcp_timeout_last_ack":  "5",
		"net.netfilter.nf_conntrack_tcp_timeout_time_wait": "3",
		"net.netfilter.nf_conntrack_tcp_timeout_close":     "2",
		"net.netfilter.nf_conntrack_udp_timeout":           "5",
		"net.netfilter.nf_conntrack_udp_timeout_stream":    "8",
		"net.netfilter.nf_conntrack_icmp_timeout":          "5",
		"net.netfilter.nf_conntrack_icmpv6_timeout":        "5",
		"net.netfilter.nf_conntrack_generic_timeout":       "5",
	}
)

// tune writes the sysctls that must stand before there are interfaces.
func (l *Lab) tune() error {
	for _, n := range l.namespaces() {
		own, own6 := hostOnly, map[string]string(nil)
		if n == l.Gateway {
			own, own6 = gatewayOnly, gatewayOnly6
		}
		if err := n.writeSysctls(everywhere, own); err != nil {
			return err
		}
		if !l.IPv6 {
			continue
		}
		if err := n.writeSysctls(everywhere6, own6); err != nil {
			return err
		}
	}
	return nil
}

// tuneConntrack writes the gateway's conntrack sysctls: all that tell on new
// flows alone, so it must run before the first packet.
func (l *Lab) tuneConntrack() error {
	chosen := map[string]string{
		"net.netfilter.nf_conntrack_acct":      boolSysctl(l.cfg.Acct),
		"net.netfilter.nf_conntrack_timestamp": boolSysctl(l.cfg.Timestamp),
	}
	short := shortTimeouts
	if !l.cfg.ShortTimeouts {
		short = nil
	}
	return l.Gateway.writeSysctls(conntrackOnly, chosen, short, l.cfg.Sysctls)
}

// writeSysctls writes each set in turn, by name within a set.
func (n *Namespace) writeSysctls(sets ...map[string]string) error {
	for _, set := range sets {
		for _, name := range slices.SortedFunc(maps.Keys(set), cmp.Compare[string]) {
			if err := n.WriteSysctl(name, set[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func boolSysctl(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
