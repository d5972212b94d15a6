//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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
	r := &runner{slots: make(chan struct{}, inFlight)}
	r.begin(ctx, l.clash)
	var drawn []trafficKind // each kind as often as its weight
	for _, k := range l.kinds() {
		if t.Answered && strings.HasSuffix(k.name, unanswered) {
			continue
		}
		r.begin(ctx, k.plan(rnd))
		drawn = append(drawn, slices.Repeat([]trafficKind{k}, k.weight)...)
	}
	// The time between flows is exponential, as with independent users.
	for sleep(ctx, time.Duration(min(rnd.ExpFloat64(), 5)/t.Rate*float64(time.Second))) == nil && ctx.Err() == nil {
		r.begin(ctx, drawn[rnd.IntN(len(drawn))].plan(rnd))
	}
	r.running.Wait()
	return r.result()
}

// runner is the state of one Run.
type runner struct {
	running sync.WaitGroup
	slots   chan struct{}

	mu     sync.Mutex // guards the fields below
	begun  int
	failed int
	first  error
}

// begin runs a flow on its own goroutine, once a slot is free.
func (r *runner) begin(ctx context.Context, f action) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	r.running.Go(func() {
		err := f(ctx)
		<-r.slots
		r.count(ctx, err)
	})
}

// count counts a flow that ended with err. A flow that ctx ended has not failed.
func (r *runner) count(ctx context.Context, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	if err == nil || ctx.Err() != nil {
		return
	}
	r.failed++
	if r.first == nil {
		r.first = err
	}
}

func (r *runner) result() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == 0 {
		return nil
	}
	return fmt.Errorf("traffic: %d of %d flows failed, the first: %w", r.failed, r.begun, r.first)
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
