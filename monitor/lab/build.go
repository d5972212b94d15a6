//go:build linux

package lab

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
)

// Build makes the namespaces, the topology, the rules and the services. Traffic flows
// when it returns. ctx bounds only the building; the lab lives until Close or the end
// of the process.
func Build(ctx context.Context, cfg Config) (*Lab, error) {
	_, err := os.Stat("/proc/sys/net/ipv6") // absent if IPv6 was disabled at boot
	l := &Lab{cfg: cfg, IPv6: err == nil, helpers: map[string]bool{}, closers: map[io.Closer]struct{}{}}
	l.life, l.end = context.WithCancel(context.WithoutCancel(ctx))
	for _, step := range []func() error{l.makeNamespaces, l.tune, l.wire, l.loadRules, l.tuneConntrack, l.serve} {
		err := ctx.Err()
		if err == nil {
			err = step()
		}
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

func (l *Lab) makeNamespaces() error {
	for name, at := range map[string]**Namespace{
		"client": &l.Client, "client2": &l.Client2, "gateway": &l.Gateway, "server": &l.Server,
	} {
		made, err := NewNamespace(name)
		if err != nil {
			return err
		}
		*at = made
	}
	return nil
}

// A new namespace may inherit IPv4 settings from the host
// (net.core.devconf_inherit_init_net), so the lab sets everything that it relies on.
// The ipv6 settings make link-local addresses usable at once, without duplicate
// address detection: neighbour solicitations for forwarded packets need one.
var (
	everywhere = map[string]string{
		"net.ipv4.conf.all.rp_filter":     "0",
		"net.ipv4.conf.default.rp_filter": "0",
		"net.ipv4.ip_forward":             "0",
	}
	everywhere6 = map[string]string{
		"net.ipv6.conf.all.disable_ipv6":             "0",
		"net.ipv6.conf.default.disable_ipv6":         "0",
		"net.ipv6.conf.default.accept_dad":           "0",
		"net.ipv6.conf.default.accept_ra":            "0",
		"net.ipv6.conf.default.router_solicitations": "0",
	}
	gatewayOnly  = map[string]string{"net.ipv4.ip_forward": "1", "net.ipv4.conf.default.proxy_arp": "1"}
	gatewayOnly6 = map[string]string{"net.ipv6.conf.all.forwarding": "1"}

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

// tune writes the sysctls that must be set before there are interfaces.
func (l *Lab) tune() error {
	for _, n := range l.namespaces() {
		sets := []map[string]string{everywhere}
		if l.IPv6 {
			sets = append(sets, everywhere6)
		}
		if n == l.Gateway {
			sets = append(sets, gatewayOnly)
		}
		if n == l.Gateway && l.IPv6 {
			sets = append(sets, gatewayOnly6)
		}
		if err := n.writeSysctls(sets...); err != nil {
			return err
		}
	}
	return nil
}

// tuneConntrack writes the gateway's conntrack sysctls. They affect new flows only, so
// it must run before the first packet.
func (l *Lab) tuneConntrack() error {
	onOff := map[bool]string{false: "0", true: "1"}
	chosen := map[string]string{
		"net.netfilter.nf_conntrack_acct":      onOff[l.cfg.Acct],
		"net.netfilter.nf_conntrack_timestamp": onOff[l.cfg.Timestamp],
		// Otherwise UDP-Lite is never tracked: udplite_error of
		// nf_conntrack_proto_udp.c computes the pseudo header with UDP's protocol
		// number, so that every checksum appears wrong.
		"net.netfilter.nf_conntrack_checksum": "0",
	}
	if l.cfg.ShortTimeouts {
		maps.Copy(chosen, shortTimeouts)
	}
	return l.Gateway.writeSysctls(chosen, l.cfg.Sysctls)
}

// writeSysctls writes each set in turn, in the order of names.
func (n *Namespace) writeSysctls(sets ...map[string]string) error {
	for _, set := range sets {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			if err := n.WriteSysctl(name, set[name]); err != nil {
				return err
			}
		}
	}
	return nil
}
