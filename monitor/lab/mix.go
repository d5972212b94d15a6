//go:build linux

package lab

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// action makes one flow, or a few that belong together.
type action func(context.Context) error

// trafficKind is one kind of traffic. plan draws an action and runs on Run's goroutine; the
// action runs on its own.
type trafficKind struct {
	weight int // frequency, relative to the other kinds
	plan   func(*rand.Rand) action
}

// kinds returns the mix. If answered is set, it has only kinds whose destination answers.
func (l *Lab) kinds(answered bool) []trafficKind {
	web := func(to netip.AddrPort) func(*rand.Rand) action {
		return func(r *rand.Rand) action { return once(l.TCPOnce, l.web(r, l.either(r), to)) }
	}
	udp := func(u UDP) func(*rand.Rand) action {
		return func(r *rand.Rand) action { u.From = l.either(r); return once(l.UDPOnce, u) }
	}
	ping := func(to netip.Addr) func(*rand.Rand) action {
		return func(r *rand.Rand) action {
			return l.pings(Ping{From: l.either(r), To: to, ID: uint16(r.Uint32())}, 1+r.IntN(4))
		}
	}
	kinds := []trafficKind{
		{24, web(ServerHTTPS)},
		{10, web(ServerHTTP)},
		{8, func(r *rand.Rand) action { return once(l.TCPOnce, l.web(r, l.Server, PublishedHTTP)) }},
		{5, web(Redirected)},
		{2, func(r *rand.Rand) action { return once(l.TCPOnce, l.web(r, l.Gateway, RedirectedLoopback)) }},
		{1, func(r *rand.Rand) action {
			return l.session(TCP{From: l.either(r), To: ServerSSH, Hold: seconds(r, 20, 120)})
		}},
		{20, func(r *rand.Rand) action {
			return once(l.UDPOnce, UDP{From: l.either(r), To: ServerDNS, Bytes: 30 + r.IntN(30)})
		}},
		{5, ping(ServerIP)},
		{1, func(r *rand.Rand) action {
			// Raw packets need a port of their own: one from Linux's ephemeral range.
			local := portOnly(uint16(32768 + r.IntN(28232)))
			return once(l.SCTPOnce, SCTP{From: l.either(r), Local: local, To: netip.AddrPortFrom(ServerIP, 3868)})
		}},
		{1, func(r *rand.Rand) action { return once(l.UDPLiteOnce, UDP{From: l.either(r), To: ServerDNS}) }},
		// Only one client: without ports two clients cannot share one address.
		{1, func(*rand.Rand) action {
			return func(ctx context.Context) error { return l.GREOnce(ctx, GRE{Raw: Raw{To: ServerIP}}) }
		}},
		{1, func(*rand.Rand) action {
			return func(ctx context.Context) error { return l.RawOnce(ctx, Raw{To: ServerIP}) }
		}},
	}
	if !answered {
		kinds = append(kinds,
			trafficKind{3, udp(UDP{To: netip.AddrPortFrom(Blackhole, 123), Bytes: 48, NoReply: true})},
			trafficKind{2, func(r *rand.Rand) action {
				return once(l.SYNOnce, TCP{From: l.either(r), To: netip.AddrPortFrom(Blackhole, 443)})
			}})
	}
	if l.cfg.Helpers {
		kinds = append(kinds, trafficKind{2, func(r *rand.Rand) action {
			return once(l.FTPOnce, FTP{From: l.either(r), Bytes: sizeOf(r), Passive: r.IntN(2) == 0})
		}})
	}
	if l.IPv6 {
		kinds = append(kinds,
			trafficKind{10, web(ServerHTTPS6)},
			trafficKind{6, udp(UDP{To: ServerDNS6})},
			trafficKind{3, ping(ServerIP6)})
	}
	return kinds
}

// once returns the action that calls do.
func once[A any](do func(context.Context, A) (netip.AddrPort, error), a A) action {
	return func(ctx context.Context) error { _, err := do(ctx, a); return err }
}

// either draws a client.
func (l *Lab) either(r *rand.Rand) *Namespace {
	if r.IntN(3) == 0 {
		return l.Client2
	}
	return l.Client
}

// web draws a request: most end at once, some stay open, some are reset.
func (l *Lab) web(r *rand.Rand, from *Namespace, to netip.AddrPort) TCP {
	c := TCP{From: from, To: to, Bytes: sizeOf(r), Abort: r.IntN(12) == 0}
	if r.IntN(3) == 0 {
		c.Hold = seconds(r, 0.5, 10)
	}
	return c
}

// sizeOf draws 1 KiB to 2 MiB. Each order of magnitude is equally likely.
func sizeOf(r *rand.Rand) int { return int(1024 * math.Pow(2, 11*r.Float64())) }

func seconds(r *rand.Rand, least, most float64) time.Duration {
	return time.Duration((least + r.Float64()*(most-least)) * float64(time.Second))
}

func portOnly(p uint16) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, p) }

// pings sends n echoes, one a second, as ping(8) does.
func (l *Lab) pings(p Ping, n int) action {
	return func(ctx context.Context) error {
		for range n {
			p.Seq++
			if err := l.PingOnce(ctx, p); err != nil {
				return err
			}
			if err := sleep(ctx, time.Second); err != nil {
				return err
			}
		}
		return nil
	}
}

// session keeps a connection open for c.Hold, with a few bytes every second.
func (l *Lab) session(c TCP) action {
	return func(ctx context.Context) error {
		_, err := l.connection(ctx, c, func(ctx context.Context, conn *net.TCPConn) error {
			var err error
			for end := time.Now().Add(c.Hold); err == nil && time.Now().Before(end); {
				if err = fetch(conn, 200); err == nil {
					err = sleep(ctx, time.Second)
				}
			}
			return err
		})
		return err
	}
}
