package page

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/paint"
)

// Resolver returns the name of an address, or "". It may block, and is called in commands.
type Resolver interface {
	Name(ctx context.Context, a netip.Addr) (string, error)
}

// Names returns names of addresses and ports without blocking. [Names.Ask] resolves unknown
// ones, and a later frame has them. All text is escaped.
type Names struct {
	On      bool   // false: nothing has a name
	Changes uint64 // grows with every answer

	resolver Resolver                           // may be nil
	services func(monitor.Proto, uint16) string // may be nil

	known  map[netip.Addr]name
	wanted []netip.Addr
	asked  int // running queries
}

type name struct {
	text    string    // "" for none
	asked   time.Time // the last time
	pending bool
}

const (
	namesKept    = 8192             // answers; then all are dropped
	namesWanted  = 256              // a later frame asks for the others
	namesAtOnce  = 4                // concurrent queries
	nameGoodFor  = 10 * time.Minute // then it is resolved again
	nameTimesOut = 5 * time.Second
)

// NewNames returns the names that a resolver and a table of services know; either may be
// nil.
func NewNames(r Resolver, services func(monitor.Proto, uint16) string) *Names {
	return &Names{resolver: r, services: services, known: make(map[netip.Addr]name)}
}

// Ask resolves wanted names, a few at a time.
func (n *Names) Ask(ctx context.Context) tea.Cmd {
	var all []tea.Cmd
	for ; len(n.wanted) > 0 && n.asked < namesAtOnce; n.asked++ {
		a := n.wanted[0]
		n.wanted = n.wanted[1:]
		all = append(all, func() tea.Msg {
			limited, cancel := context.WithTimeout(ctx, nameTimesOut)
			defer cancel()
			text, err := n.resolver.Name(limited, a)
			if err != nil {
				text = ""
			}
			return Then(func() tea.Cmd {
				n.asked--
				n.Changes++
				n.known[a] = name{text: monitor.Escape(text), asked: time.Now()}
				return n.Ask(ctx)
			})
		})
	}
	return tea.Batch(all...)
}

// Addr returns the name of an address, or "" if it is not known yet.
func (n *Names) Addr(a netip.Addr) string {
	if !n.On || n.resolver == nil {
		return ""
	}
	k := n.known[a]
	if !k.pending && time.Since(k.asked) > nameGoodFor && len(n.wanted) < namesWanted {
		if len(n.known) >= namesKept {
			clear(n.known)
		}
		k.pending = true
		n.known[a] = k
		n.wanted = append(n.wanted, a)
	}
	return k.text
}

// Named returns the addresses with a name that is shown.
func (n *Names) Named(text string) (out []monitor.Addr) {
	for a, k := range n.known {
		if n.On && strings.EqualFold(k.text, text) {
			out = append(out, monitor.AddrFrom(a))
		}
	}
	return out
}

// Known returns Endpoint as text, with the names that are known now. It returns nil if no names are
// shown. Several goroutines may call the function that it returns.
func (n *Names) Known() func(monitor.Proto, monitor.Endpoint) string {
	if !n.On {
		return nil
	}
	now := &Names{On: true, services: n.services, known: maps.Clone(n.known)}
	return func(p monitor.Proto, e monitor.Endpoint) string {
		out := now.Endpoint(p, e)
		out.Host = cmp.Or(now.known[e.Addr.Netip()].text, out.Host)
		return out.String()
	}
}

// Host is an address's name, or the address.
func (n *Names) Host(a monitor.Addr) paint.EndText { return n.Endpoint(0, monitor.Endpoint{Addr: a}) }

// Service returns the name of a port, or "".
func (n *Names) Service(p monitor.Proto, port uint16) string {
	if !n.On || n.services == nil || !p.HasPorts() {
		return ""
	}
	return monitor.Escape(n.services(p, port))
}

// Endpoint is End with names where they are known.
func (n *Names) Endpoint(p monitor.Proto, e monitor.Endpoint) paint.EndText {
	out := paint.End(p, e)
	if host := n.Addr(e.Addr.Netip()); host != "" {
		out.Host = host
	}
	if port := n.Service(p, e.Port); port != "" {
		out.Port = ":" + port
	}
	return out
}
