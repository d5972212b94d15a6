//go:build linux

package lab

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Config configures the gateway's conntrack. The zero value is a working lab with
// the kernel's defaults: no counters, no timestamps, no helper.
type Config struct {
	Acct      bool // nf_conntrack_acct: count packets and bytes
	Timestamp bool // nf_conntrack_timestamp: start, stop and event times
	Helpers   bool // assign the helpers of FTP, TFTP, SIP and PPTP, as far as the kernel has them

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

	cfg     Config
	all     []*Namespace    // those that exist so far
	helpers map[string]bool // assigned helpers, by the kernel's names

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
