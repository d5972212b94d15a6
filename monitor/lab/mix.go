//go:build linux

package lab

import (
	"context"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"
)

// flow makes one flow, or a few that belong together.
type flow func(context.Context) error

// kind is one kind of traffic: how often, of all kinds' weights, and how a
// flow of it is drawn. plan runs on Run's goroutine, the flow on its own.
type kind struct {
	name   string
	weight int
	plan   func(*rand.Rand) flow
}

// clashPort is the source port that both clients use.
const clashPort = 4444

// unanswered ends the names of the kinds that go where nobody is.
const unanswered = ", unanswered"

// kinds is the mix.
func (l *Lab) kinds() []kind {
	kinds := []kind{
		{"https", 24, func(r *rand.Rand) flow { return l.tcp(l.web(r, ServerHTTPS)) }},
		{"http", 10, func(r *rand.Rand) flow { return l.tcp(l.web(r, ServerHTTP)) }},
		{"published", 8, func(r *rand.Rand) flow {
			c := l.web(r, PublishedHTTP)
			c.From = l.Server
			return l.tcp(c)
		}},
		{"redirected", 5, func(r *rand.Rand) flow { return l.tcp(l.web(r, Redirected)) }},
		{"redirected here", 2, func(r *rand.Rand) flow {
			c := l.web(r, RedirectedLoopback)
			c.From = l.Gateway
			return l.tcp(c)
		}},
		{"session", 1, func(r *rand.Rand) flow {
			return l.session(TCP{From: l.either(r), To: ServerSSH}, seconds(r, 20, 120))
		}},
		{"names", 20, func(r *rand.Rand) flow { return l.udp(UDP{From: l.either(r), To: ServerDNS, Bytes: 30 + r.IntN(30)}) }},
		{"time" + unanswered, 3, func(r *rand.Rand) flow {
			return l.udp(UDP{From: l.either(r), To: netip.AddrPortFrom(Blackhole, 123), Bytes: 48, NoReply: true})
		}},
		{"connect" + unanswered, 2, func(r *rand.Rand) flow {
			return l.syn(TCP{From: l.either(r), To: netip.AddrPortFrom(Blackhole, 443)})
		}},
		{"ping", 5, func(r *rand.Rand) flow { return l.ping(l.either(r), ServerIP, uint16(r.Uint32()), 1+r.IntN(4)) }},
		{"sctp", 1, func(r *rand.Rand) flow {
			return l.sctp(SCTP{From: l.either(r), Local: portOnly(ephemeral(r)), To: netip.AddrPortFrom(ServerIP, 3868)})
		}},
		{"udplite", 1, func(r *rand.Rand) flow { return l.udplite(UDP{From: l.either(r), To: ServerDNS}) }},
		// Without ports two clients can't share one address: the client alone.
		{"gre", 1, func(*rand.Rand) flow { return l.gre(GRE{Raw: Raw{To: ServerIP}}) }},
		{"protocol 253", 1, func(*rand.Rand) flow { return l.raw(Raw{To: ServerIP}) }},
	}
	if l.cfg.Helpers {
		kinds = append(kinds, kind{"ftp", 2, func(r *rand.Rand) flow {
			return l.ftp(FTP{From: l.either(r), Bytes: sizeOf(r), Passive: r.IntN(2) == 0})
		}})
	}
	if !l.IPv6 {
		return kinds
	}
	return append(kinds,
		kind{"https over ipv6", 10, func(r *rand.Rand) flow { return l.tcp(l.web(r, ServerHTTPS6)) }},
		kind{"names over ipv6", 6, func(r *rand.Rand) flow { return l.udp(UDP{From: l.either(r), To: ServerDNS6}) }},
		kind{"ping over ipv6", 3, func(r *rand.Rand) flow { return l.ping(l.either(r), ServerIP6, uint16(r.Uint32()), 1+r.IntN(4)) }},
	)
}

// either draws a client.
func (l *Lab) either(r *rand.Rand) *Namespace {
	if r.IntN(3) == 0 {
		return l.Client2
	}
	return l.Client
}

// web draws a request: most end at once, some stay open, some are reset.
func (l *Lab) web(r *rand.Rand, to netip.AddrPort) TCP {
	c := TCP{From: l.either(r), To: to, Bytes: sizeOf(r), Abort: r.IntN(12) == 0}
	if r.IntN(3) == 0 {
		c.Hold = seconds(r, 0.5, 10)
	}
	return c
}

// sizeOf draws 1 KiB to 2 MiB, each order of magnitude as likely.
func sizeOf(r *rand.Rand) int { return int(1024 * math.Pow(2, 11*r.Float64())) }

func seconds(r *rand.Rand, least, most float64) time.Duration {
	return time.Duration((least + r.Float64()*(most-least)) * float64(time.Second))
}

// ephemeral draws a port that Linux would give to a client.
func ephemeral(r *rand.Rand) uint16 { return uint16(32768 + r.IntN(28232)) }

func portOnly(p uint16) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, p) }

func (l *Lab) tcp(c TCP) flow {
	return func(ctx context.Context) error { _, err := l.TCPOnce(ctx, c); return err }
}

func (l *Lab) syn(c TCP) flow {
	return func(ctx context.Context) error { _, err := l.SYNOnce(ctx, c); return err }
}

func (l *Lab) udp(u UDP) flow {
	return func(ctx context.Context) error { _, err := l.UDPOnce(ctx, u); return err }
}

func (l *Lab) udplite(u UDP) flow {
	return func(ctx context.Context) error { _, err := l.UDPLiteOnce(ctx, u); return err }
}

func (l *Lab) sctp(s SCTP) flow {
	return func(ctx context.Context) error { _, err := l.SCTPOnce(ctx, s); return err }
}

func (l *Lab) ftp(f FTP) flow {
	return func(ctx context.Context) error { _, err := l.FTPOnce(ctx, f); return err }
}

func (l *Lab) gre(g GRE) flow {
	return func(ctx context.Context) error { return l.GREOnce(ctx, g) }
}

func (l *Lab) raw(r Raw) flow {
	return func(ctx context.Context) error { return l.RawOnce(ctx, r) }
}

// ping sends a few echoes, one a second, as ping(8) does.
func (l *Lab) ping(from *Namespace, to netip.Addr, id uint16, n int) flow {
	return func(ctx context.Context) error {
		for seq := range uint16(n) {
			if err := l.PingOnce(ctx, Ping{From: from, To: to, ID: id, Seq: seq + 1}); err != nil {
				return err
			}
			if err := sleep(ctx, time.Second); err != nil {
				return err
			}
		}
		return nil
	}
}

// session holds a connection for a time, with a few bytes every second.
func (l *Lab) session(c TCP, length time.Duration) flow {
	return func(ctx context.Context) error {
		conn, err := c.From.DialTCP(ctx, complete(c.Local, c.To), c.To)
		if err != nil {
			return err
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		defer stop()
		for end := time.Now().Add(length); time.Now().Before(end); {
			if err := fetch(conn, 200); err != nil {
				return err
			}
			if err := sleep(ctx, time.Second); err != nil {
				return err
			}
		}
		return finish(conn)
	}
}
