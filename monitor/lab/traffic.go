//go:build linux

package lab

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// action makes one flow, or a few that belong together, with choices of r.
type action func(ctx context.Context, r *rand.Rand) error

// trafficKind is one kind of traffic.
type trafficKind struct {
	weight int  // frequency, relative to the other kinds
	in     bool // the mix has it
	do     action
}

// kinds returns the mix. If answered is set, it has only kinds whose destination answers.
func (l *Lab) kinds(answered bool) []trafficKind {
	web := func(to netip.AddrPort) action {
		return func(ctx context.Context, r *rand.Rand) error { return l.web(ctx, r, l.either(r), to) }
	}
	names := func(to netip.AddrPort) action {
		return func(ctx context.Context, r *rand.Rand) error {
			return failure(l.UDPOnce(ctx, UDP{From: l.either(r), To: to, Bytes: 30 + r.IntN(30)}))
		}
	}
	ping := func(to netip.Addr) action {
		return func(ctx context.Context, r *rand.Rand) error { return l.pings(ctx, r, to) }
	}
	kinds := []trafficKind{
		{24, true, web(ServerHTTPS)},
		{10, true, web(ServerHTTP)},
		{8, true, func(ctx context.Context, r *rand.Rand) error { return l.web(ctx, r, l.Server, PublishedHTTP) }},
		{5, true, web(Redirected)},
		{2, true, func(ctx context.Context, r *rand.Rand) error {
			return l.web(ctx, r, l.Gateway, RedirectedLoopback)
		}},
		{1, true, l.session},
		{20, true, names(ServerDNS)},
		{5, true, ping(ServerIP)},
		{1, true, func(ctx context.Context, r *rand.Rand) error {
			// Raw packets need a port of their own: one from Linux's ephemeral range.
			local := portOnly(uint16(32768 + r.IntN(28232)))
			to := netip.AddrPortFrom(ServerIP, 3868)
			return failure(l.SCTPOnce(ctx, SCTP{From: l.either(r), Local: local, To: to}))
		}},
		{1, true, func(ctx context.Context, r *rand.Rand) error {
			return failure(l.UDPLiteOnce(ctx, UDP{From: l.either(r), To: ServerDNS}))
		}},
		// Only one client: without ports two clients cannot share one address.
		{1, true, func(ctx context.Context, _ *rand.Rand) error { return l.GREOnce(ctx, GRE{Raw: Raw{To: ServerIP}}) }},
		{1, true, func(ctx context.Context, _ *rand.Rand) error { return l.RawOnce(ctx, Raw{To: ServerIP}) }},
		{3, !answered, func(ctx context.Context, r *rand.Rand) error {
			to := netip.AddrPortFrom(Blackhole, 123)
			return failure(l.UDPOnce(ctx, UDP{From: l.either(r), To: to, Bytes: 48, NoReply: true}))
		}},
		{2, !answered, func(ctx context.Context, r *rand.Rand) error {
			return failure(l.SYNOnce(ctx, TCP{From: l.either(r), To: netip.AddrPortFrom(Blackhole, 443)}))
		}},
		{2, l.cfg.Helpers, func(ctx context.Context, r *rand.Rand) error {
			return failure(l.FTPOnce(ctx, FTP{From: l.either(r), Bytes: sizeOf(r), Passive: r.IntN(2) == 0}))
		}},
		{10, l.IPv6, web(ServerHTTPS6)},
		{6, l.IPv6, names(ServerDNS6)},
		{3, l.IPv6, ping(ServerIP6)},
	}
	return slices.DeleteFunc(kinds, func(k trafficKind) bool { return !k.in })
}

// failure returns the error of an action.
func failure(_ netip.AddrPort, err error) error { return err }

// either draws a client.
func (l *Lab) either(r *rand.Rand) *Namespace {
	if r.IntN(3) == 0 {
		return l.Client2
	}
	return l.Client
}

// web makes a request: most end at once, some stay open, some are reset.
func (l *Lab) web(ctx context.Context, r *rand.Rand, from *Namespace, to netip.AddrPort) error {
	c := TCP{From: from, To: to, Bytes: sizeOf(r), Abort: r.IntN(12) == 0}
	if r.IntN(3) == 0 {
		c.Hold = seconds(r, 0.5, 10)
	}
	return failure(l.TCPOnce(ctx, c))
}

// sizeOf draws 1 KiB to 2 MiB. Each order of magnitude is equally likely.
func sizeOf(r *rand.Rand) int { return int(1024 * math.Pow(2, 11*r.Float64())) }

func seconds(r *rand.Rand, least, most float64) time.Duration {
	return time.Duration((least + r.Float64()*(most-least)) * float64(time.Second))
}

func portOnly(p uint16) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, p) }

// pings sends a few echoes, one a second, as ping(8) does.
func (l *Lab) pings(ctx context.Context, r *rand.Rand, to netip.Addr) (err error) {
	p := Ping{From: l.either(r), To: to, ID: uint16(r.Uint32())}
	for n := uint16(1 + r.IntN(4)); p.Seq < n && err == nil; {
		p.Seq++
		if err = l.PingOnce(ctx, p); err == nil {
			err = sleep(ctx, time.Second)
		}
	}
	return err
}

// session keeps a connection open for a time, with a few bytes every second.
func (l *Lab) session(ctx context.Context, r *rand.Rand) error {
	c := TCP{From: l.either(r), To: ServerSSH, Hold: seconds(r, 20, 120)}
	return failure(l.connection(ctx, c, func(ctx context.Context, conn *net.TCPConn) (err error) {
		for end := time.Now().Add(c.Hold); err == nil && time.Now().Before(end); {
			if err = fetch(conn, 200); err == nil {
				err = sleep(ctx, time.Second)
			}
		}
		return err
	}))
}

// samePort repeatedly opens a connection from port 4444 to one destination. If both
// clients do, the gateway must translate the port of one.
func (l *Lab) samePort(from *Namespace) action {
	// Ended by RST: TIME_WAIT would keep the port.
	c := TCP{From: from, Local: portOnly(4444), To: ServerHTTPS, Bytes: 20_000, Hold: 8 * time.Second, Abort: true}
	return func(ctx context.Context, _ *rand.Rand) (err error) {
		for err == nil {
			if _, err = l.TCPOnce(ctx, c); err == nil {
				err = sleep(ctx, 4*time.Second)
			}
		}
		return err
	}
}

// Traffic is a mix of what a gateway sees in a day: web, names, pings, a published
// service, sessions, and packets without an answer.
type Traffic struct {
	// Rate is the average number of new flows a second; 0 is 20.
	Rate float64
	// Seed makes the choices repeatable; 0 is a different mix each time.
	Seed uint64
	// Answered leaves out traffic without an answer, for a gateway without findings.
	Answered bool
}

// inFlight bounds the flows that Run has open at once. Run then waits for one to end.
const inFlight = 512

// Run makes traffic until ctx ends, beginning with one flow of each kind. Failed flows
// do not stop it. It returns the first failure when all its flows have ended.
func (l *Lab) Run(ctx context.Context, t Traffic) error {
	rate, seed := cmp.Or(t.Rate, 20), cmp.Or(t.Seed, rand.Uint64())
	rnd := rand.New(rand.NewPCG(seed, 0))
	var running errgroup.Group
	running.SetLimit(inFlight)
	begin := func(do action) {
		choices := rand.New(rand.NewPCG(seed, rnd.Uint64()))
		running.Go(func() error {
			if err := do(ctx, choices); err != nil && ctx.Err() == nil {
				return fmt.Errorf("traffic: %w", err)
			}
			return nil // a flow that ctx ended has not failed
		})
	}
	begin(l.samePort(l.Client))
	begin(l.samePort(l.Client2))
	var drawn []action // each kind as often as its weight
	for _, k := range l.kinds(t.Answered) {
		begin(k.do)
		drawn = append(drawn, slices.Repeat([]action{k.do}, k.weight)...)
	}
	// The time between flows is exponential, as with independent users.
	for sleep(ctx, time.Duration(min(rnd.ExpFloat64(), 5)/rate*float64(time.Second))) == nil {
		begin(drawn[rnd.IntN(len(drawn))])
	}
	return running.Wait()
}
