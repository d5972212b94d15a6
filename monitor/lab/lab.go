//go:build linux

package lab

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config configures the gateway's conntrack. The zero value is a working lab with
// the kernel's defaults: no counters, no timestamps, no helper.
type Config struct {
	Acct      bool // nf_conntrack_acct: count packets and bytes
	Timestamp bool // nf_conntrack_timestamp: start, stop and event times
	Helpers   bool // assign the helper of FTP

	// ShortTimeouts makes flows expire within seconds of their last packet, so that
	// DESTROY events follow. Garbage collection runs on the kernel's own schedule.
	ShortTimeouts bool

	// Sysctls are written in the gateway last, by sysctl(8)'s names:
	// "net.netfilter.nf_conntrack_events": "1".
	Sysctls map[string]string
}

// Lab is a built lab. Its methods may be called from several goroutines.
type Lab struct {
	Client, Client2, Gateway, Server *Namespace

	// IPv6 is true if the kernel has IPv6. Otherwise the lab has IPv4 only.
	IPv6 bool

	cfg Config
	all []*Namespace // those that exist so far

	serving sync.WaitGroup  // the services' goroutines
	life    context.Context // its end closes their sockets
	end     context.CancelFunc
}

// Close stops the services and closes the namespaces. Call it once, after Run and every
// action have ended. The kernel removes the namespaces in the background, without
// DESTROY events.
func (l *Lab) Close() error {
	l.end()
	l.serving.Wait()
	var err error
	for _, n := range l.all {
		err = errors.Join(err, n.Close())
	}
	return err
}

// families returns the addresses whose family the kernel has.
func (l *Lab) families(addrs ...netip.Addr) []netip.Addr {
	var have []netip.Addr
	for _, a := range addrs {
		if a.Is4() || l.IPv6 {
			have = append(have, a)
		}
	}
	return have
}

// actionTimeout ends an action whose packets were lost.
const actionTimeout = 10 * time.Second

// endWith makes pending and later reads and writes of conn fail once ctx ends. Call
// stop to release it.
func endWith(ctx context.Context, conn interface{ SetDeadline(time.Time) error }) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Build makes the namespaces, the topology, the rules and the services. Traffic flows
// when it returns. ctx bounds only the building; the lab lives until Close or the end
// of the process.
func Build(ctx context.Context, cfg Config) (*Lab, error) {
	_, err := os.Stat("/proc/sys/net/ipv6") // absent if IPv6 was disabled at boot
	l := &Lab{cfg: cfg, IPv6: err == nil}
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

func (l *Lab) makeNamespaces() (err error) {
	add := func(name string) *Namespace {
		n, failed := NewNamespace(name)
		if failed != nil {
			err = failed
			return nil
		}
		l.all = append(l.all, n)
		return n
	}
	l.Client, l.Client2, l.Gateway, l.Server = add("client"), add("client2"), add("gateway"), add("server")
	return err
}

// A new namespace may inherit IPv4 settings from the host
// (net.core.devconf_inherit_init_net), so the lab sets everything that it relies on.
// The ipv6 settings make addresses usable at once, without duplicate address
// detection: neighbour solicitations for forwarded packets need a link-local one.
var (
	everywhere = []string{
		"net.ipv4.conf.all.rp_filter=0",
		"net.ipv4.conf.default.rp_filter=0",
		"net.ipv4.ip_forward=0",
		"net.ipv6.conf.all.disable_ipv6=0",
		"net.ipv6.conf.default.disable_ipv6=0",
		"net.ipv6.conf.default.accept_dad=0",
		"net.ipv6.conf.default.accept_ra=0",
		"net.ipv6.conf.default.router_solicitations=0",
	}
	gatewayOnly = []string{
		"net.ipv4.ip_forward=1",
		"net.ipv4.conf.default.proxy_arp=1",
		"net.ipv6.conf.all.forwarding=1",
	}
	shortTimeouts = []string{
		"net.netfilter.nf_conntrack_tcp_timeout_syn_sent=5",
		"net.netfilter.nf_conntrack_tcp_timeout_fin_wait=5",
		"net.netfilter.nf_conntrack_tcp_timeout_last_ack=5",
		"net.netfilter.nf_conntrack_tcp_timeout_time_wait=3",
		"net.netfilter.nf_conntrack_tcp_timeout_close=2",
		"net.netfilter.nf_conntrack_udp_timeout=5",
		"net.netfilter.nf_conntrack_udp_timeout_stream=8",
		"net.netfilter.nf_conntrack_icmp_timeout=5",
		"net.netfilter.nf_conntrack_icmpv6_timeout=5",
		"net.netfilter.nf_conntrack_generic_timeout=5",
	}
)

// tune writes the sysctls that must be set before there are interfaces.
func (l *Lab) tune() error {
	var err error
	for _, n := range l.all {
		err = errors.Join(err, l.write(n, everywhere))
	}
	return errors.Join(err, l.write(l.Gateway, gatewayOnly))
}

// tuneConntrack writes the gateway's conntrack sysctls. They affect new flows only, so
// it must run before the first packet.
func (l *Lab) tuneConntrack() error {
	onOff := map[bool]string{false: "0", true: "1"}
	chosen := []string{
		"net.netfilter.nf_conntrack_acct=" + onOff[l.cfg.Acct],
		"net.netfilter.nf_conntrack_timestamp=" + onOff[l.cfg.Timestamp],
		// Otherwise UDP-Lite is never tracked: udplite_error of
		// nf_conntrack_proto_udp.c computes the pseudo header with UDP's protocol
		// number, so that every checksum appears wrong.
		"net.netfilter.nf_conntrack_checksum=0",
	}
	if l.cfg.ShortTimeouts {
		chosen = append(chosen, shortTimeouts...)
	}
	for _, name := range slices.Sorted(maps.Keys(l.cfg.Sysctls)) {
		chosen = append(chosen, name+"="+l.cfg.Sysctls[name])
	}
	return l.write(l.Gateway, chosen)
}

// write sets sysctls, each name=value. It skips those of IPv6 if the kernel has none.
func (l *Lab) write(n *Namespace, sysctls []string) error {
	for _, s := range sysctls {
		if !l.IPv6 && strings.HasPrefix(s, "net.ipv6.") {
			continue
		}
		name, value, _ := strings.Cut(s, "=")
		if err := n.WriteSysctl(name, value); err != nil {
			return err
		}
	}
	return nil
}
