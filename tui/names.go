package tui

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"natlens/monitor"
)

// names finds names of addresses without ever holding the UI back: what is not
// known yet is asked for by a few goroutines, and there the next frame finds it.
type names struct {
	on       bool
	resolver Resolver
	services func(monitor.Proto, uint16) string

	mu      sync.Mutex
	known   map[netip.Addr]name
	queue   chan netip.Addr
	changes uint64
}

type name struct {
	text    string // escaped; "" for none
	asked   time.Time
	pending bool
}

const (
	namesKept    = 8192             // answers; then the cache starts anew
	namesQueued  = 256              // questions that wait; more are asked again at a later frame
	namesAskers  = 4                // goroutines that ask
	nameGoodFor  = 10 * time.Minute // then it is asked again
	nameTimesOut = 5 * time.Second
)

func newNames(r Resolver, services func(monitor.Proto, uint16) string) *names {
	return &names{resolver: r, services: services, known: make(map[netip.Addr]name),
		queue: make(chan netip.Addr, namesQueued)}
}

// ask answers questions until ctx ends. Several goroutines may do so at a time.
func (n *names) ask(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-n.queue:
			limited, cancel := context.WithTimeout(ctx, nameTimesOut)
			text, err := n.resolver.Name(limited, a)
			cancel()
			if err != nil {
				text = ""
			}
			n.mu.Lock()
			n.known[a] = name{text: monitor.Escape(text), asked: time.Now()}
			n.changes++
			n.mu.Unlock()
		}
	}
}

// addr returns the name of an address, or "" while it is not known or names are
// off.
func (n *names) addr(a netip.Addr) string {
	if !n.on || n.resolver == nil {
		return ""
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	k, ok := n.known[a]
	if !k.pending && (!ok || time.Since(k.asked) > nameGoodFor) {
		select {
		case n.queue <- a:
			if len(n.known) >= namesKept {
				clear(n.known)
			}
			k.pending, k.asked = true, time.Now()
			n.known[a] = k
		default: // full: a later frame asks again
		}
	}
	return k.text
}

// service returns the name of a port, or "".
func (n *names) service(p monitor.Proto, port uint16) string {
	if !n.on || n.services == nil || !p.HasPorts() {
		return ""
	}
	return monitor.Escape(n.services(p, port))
}

// endpoint is endOf with names where they are known.
func (n *names) endpoint(p monitor.Proto, e monitor.Endpoint) endText {
	out := endOf(p, e)
	if host := n.addr(e.Addr.Netip()); host != "" {
		out.host = host
	}
	if port := n.service(p, e.Port); port != "" {
		out.port = ":" + port
	}
	return out
}

// version grows with every answer.
func (n *names) version() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changes
}
