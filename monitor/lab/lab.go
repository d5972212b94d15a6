//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	helpers map[string]bool // assigned helpers, by the kernel's names

	// serving counts the services' goroutines. They end when life is canceled and
	// closers are closed.
	serving   sync.WaitGroup
	life      context.Context
	end       context.CancelFunc
	mu        sync.Mutex // guards closers and closed
	closers   map[io.Closer]struct{}
	closed    bool
	closeOnce sync.Once
	closeErr  error
}

// Close stops the services and closes the namespaces. Stop Run and every action
// first. The kernel removes the namespaces in the background, without DESTROY events.
func (l *Lab) Close() error {
	l.closeOnce.Do(func() {
		l.end()
		l.mu.Lock()
		l.closed = true
		for c := range l.closers {
			_ = c.Close() // the service fails on purpose
		}
		l.mu.Unlock()
		l.serving.Wait()
		for _, n := range l.namespaces() {
			if err := n.Close(); err != nil {
				l.closeErr = errors.Join(l.closeErr, fmt.Errorf("close %s: %w", n.name, err))
			}
		}
	})
	return l.closeErr
}

// namespaces returns the namespaces that exist so far.
func (l *Lab) namespaces() []*Namespace {
	var made []*Namespace
	for _, n := range []*Namespace{l.Client, l.Client2, l.Gateway, l.Server} {
		if n != nil {
			made = append(made, n)
		}
	}
	return made
}

// own registers something that Close closes. If the lab is already closed, own closes
// c at once and returns false.
func (l *Lab) own(c io.Closer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.Close()
		return false
	}
	l.closers[c] = struct{}{}
	return true
}

// disown closes c and removes it from the closers.
func (l *Lab) disown(c io.Closer) {
	l.mu.Lock()
	delete(l.closers, c)
	l.mu.Unlock()
	_ = c.Close()
}

// orClient returns n, or the client if n is nil.
func (l *Lab) orClient(n *Namespace) *Namespace {
	if n == nil {
		return l.Client
	}
	return n
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
	if d <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
