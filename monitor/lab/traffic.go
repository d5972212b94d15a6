//go:build linux

package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

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
// do not stop it. It returns when all its flows have ended: nil, or an error with the
// number of failed flows and the first failure.
func (l *Lab) Run(ctx context.Context, t Traffic) error {
	if t.Rate == 0 {
		t.Rate = 20
	}
	if t.Rate < 0 || math.IsNaN(t.Rate) || math.IsInf(t.Rate, 0) {
		return fmt.Errorf("traffic: rate %v", t.Rate)
	}
	if t.Seed == 0 {
		t.Seed = rand.Uint64()
	}
	rnd := rand.New(rand.NewPCG(t.Seed, 0))
	var failed failures
	var running sync.WaitGroup
	slots := make(chan struct{}, inFlight)
	begin := func(f action) {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			// A flow that ctx ended has not failed.
			if err := f(ctx); err != nil && ctx.Err() == nil {
				failed.add(err)
			}
		})
	}
	begin(l.clash)
	var drawn []trafficKind // each kind as often as its weight
	for _, k := range l.kinds(t.Answered) {
		begin(k.plan(rnd))
		drawn = append(drawn, slices.Repeat([]trafficKind{k}, k.weight)...)
	}
	// The time between flows is exponential, as with independent users.
	for sleep(ctx, time.Duration(min(rnd.ExpFloat64(), 5)/t.Rate*float64(time.Second))) == nil {
		begin(drawn[rnd.IntN(len(drawn))].plan(rnd))
	}
	running.Wait()
	return failed.result()
}

// failures counts flows that failed.
type failures struct {
	mu    sync.Mutex
	count int
	first error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	f.first = cmp.Or(f.first, err)
}

// result returns nil, or an error with the number of failed flows and the first failure.
func (f *failures) result() error {
	if f.count == 0 {
		return nil
	}
	return fmt.Errorf("traffic: %d flows failed, the first: %w", f.count, f.first)
}

// clash repeatedly opens connections of both clients from port 4444 to one destination:
// the gateway must translate the second one's port.
func (l *Lab) clash(ctx context.Context) error {
	for ctx.Err() == nil {
		errs := make([]error, 2)
		var both sync.WaitGroup
		for i, from := range []*Namespace{l.Client, l.Client2} {
			both.Go(func() {
				// Ended by RST: TIME_WAIT would keep the port.
				_, errs[i] = l.TCPOnce(ctx, TCP{
					From: from, Local: portOnly(4444), To: ServerHTTPS,
					Bytes: 20_000, Hold: 8 * time.Second, Abort: true,
				})
			})
		}
		both.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if err := sleep(ctx, 4*time.Second); err != nil {
			return err
		}
	}
	return ctx.Err()
}
