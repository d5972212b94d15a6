package page

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"natlens/monitor"
)

// Resolver finds the name of an address; "" for none. It may block: a few goroutines ask
// it, and each answer is kept.
type Resolver interface {
	Name(ctx context.Context, a netip.Addr) (string, error)
}

// Names finds names of addresses and ports without blocking: what is not known yet is
// asked for by [Names.Ask], and a later frame has it. All text is escaped.
type Names struct {
	On bool // else nothing has a name

	resolver Resolver                           // may be nil
	services func(monitor.Proto, uint16) string // may be nil

	mu      sync.Mutex
	known   map[netip.Addr]name
	queue   chan netip.Addr
	changes uint64
}

type name struct {
	text    string // "" for none
	asked   time.Time
	pending bool
}

const (
	namesKept    = 8192             // answers; then all are dropped
	namesQueued  = 256              // questions that wait; a later frame asks the others again
	nameGoodFor  = 10 * time.Minute // then it is asked again
	nameTimesOut = 5 * time.Second
)

// NewNames returns the names that a resolver and a table of services know; either may be
// nil.
func NewNames(r Resolver, services func(monitor.Proto, uint16) string) *Names {
	return &Names{
		resolver: r,
		services: services,
		known:    make(map[netip.Addr]name),
		queue:    make(chan netip.Addr, namesQueued),
	}
}

// Ask answers questions until ctx ends. Several goroutines may do so at a time.
func (n *Names) Ask(ctx context.Context) {
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

// Addr returns the name of an address, or "" while it is not known.
func (n *Names) Addr(a netip.Addr) string {
	if !n.On || n.resolver == nil {
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
		default: // full
		}
	}
	return k.text
}

// Host is an address's name, or the address.
func (n *Names) Host(a monitor.Addr) EndText {
	if name := n.Addr(a.Netip()); name != "" {
		return EndText{Host: name}
	}
	return EndText{Host: a.String()}
}

// Service returns the name of a port, or "".
func (n *Names) Service(p monitor.Proto, port uint16) string {
	if !n.On || n.services == nil || !p.HasPorts() {
		return ""
	}
	return monitor.Escape(n.services(p, port))
}

// Endpoint is End with names where they are known.
func (n *Names) Endpoint(p monitor.Proto, e monitor.Endpoint) EndText {
	out := End(p, e)
	if host := n.Addr(e.Addr.Netip()); host != "" {
		out.Host = host
	}
	if port := n.Service(p, e.Port); port != "" {
		out.Port = ":" + port
	}
	return out
}

// Changes grows with every answer.
func (n *Names) Changes() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changes
}
