//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Config says how the gateway's conntrack behaves. The zero value is a working
// lab with the kernel's defaults: no counters, no timestamps, no helper.
type Config struct {
	Acct      bool // nf_conntrack_acct: count packets and bytes
	Timestamp bool // nf_conntrack_timestamp: start, stop and event times
	Helpers   bool // assign the FTP helper to port 21; those of TFTP, SIP and PPTP to theirs, where the kernel has them

	// ShortTimeouts makes flows die within seconds of their last packet, so
	// that DESTROYs are seen. Garbage collection still runs when it likes.
	ShortTimeouts bool

	// Sysctls are written in the gateway last, by sysctl(8)'s names:
	// "net.netfilter.nf_conntrack_events": "1".
	Sysctls map[string]string
}

// Lab is a built lab. Its methods may be called from several goroutines.
type Lab struct {
	Client, Client2, Gateway, Server *Namespace

	// IPv6 tells whether the kernel has IPv6; without, the lab has IPv4 alone.
	IPv6 bool

	cfg     Config
	helpers map[string]bool // assigned, by the kernel's names

	// serving counts the goroutines that answer; they end when life ends and
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

// Build makes the namespaces, the topology, the rules and the answering
// services. When it returns, traffic flows. ctx bounds the building alone; the
// lab lives until Close, or until the process ends in whatever way.
func Build(ctx context.Context, cfg Config) (*Lab, error) {
	l := &Lab{cfg: cfg, IPv6: haveIPv6(), closers: make(map[io.Closer]struct{})}
	l.life, l.end = context.WithCancel(context.WithoutCancel(ctx))
	steps := []func() error{l.makeNamespaces, l.tune, l.wire, l.loadRules, l.tuneConntrack, l.serve}
	for _, step := range steps {
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
	for _, n := range []struct {
		name string
		at   **Namespace
	}{{"client", &l.Client}, {"client2", &l.Client2}, {"gateway", &l.Gateway}, {"server", &l.Server}} {
		made, err := NewNamespace(n.name)
		if err != nil {
			return err
		}
		*n.at = made
	}
	return nil
}

// namespaces returns those that were made.
func (l *Lab) namespaces() []*Namespace {
	var made []*Namespace
	for _, n := range []*Namespace{l.Client, l.Client2, l.Gateway, l.Server} {
		if n != nil {
			made = append(made, n)
		}
	}
	return made
}

// Close stops the services and lets the namespaces go. Stop Run and every
// action first. The kernel takes namespaces down in the background, without
// DESTROY events.
func (l *Lab) Close() error {
	l.closeOnce.Do(func() {
		l.end()
		l.mu.Lock()
		l.closed = true
		for c := range l.closers {
			// What a service was doing is of no interest any more.
			_ = c.Close()
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

// own registers something that Close closes. It closes c at once and returns
// false if the lab is closed already.
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

// disown closes c and forgets it.
func (l *Lab) disown(c io.Closer) {
	l.mu.Lock()
	delete(l.closers, c)
	l.mu.Unlock()
	_ = c.Close()
}
