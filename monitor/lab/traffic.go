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

// Traffic is a mix of what a gateway sees in a day: web, names, pings, a
// published service, sessions, and what nobody answers.
type Traffic struct {
	// Rate is how many flows are begun a second, on average; 0 is 20.
	Rate float64
	// Seed makes the choices repeatable; 0 is a different mix each time.
	Seed uint64
	// Answered leaves out what nobody answers: the gateway is well then.
	Answered bool
}

// inFlight bounds the flows that Run has open at once. When it is full, Run
// waits for one to end.
const inFlight = 512

// Run makes traffic until ctx ends, beginning at once with one flow of each
// kind. Flows that fail don't stop it. It returns after all that it started:
// nil, or an error that says how many flows failed, and why the first one did.
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
	r := &runner{rnd: rand.New(rand.NewPCG(t.Seed, 0)), slots: make(chan struct{}, inFlight)}
	kinds := l.kinds()
	if t.Answered {
		kinds = slices.DeleteFunc(kinds, func(k kind) bool { return strings.HasSuffix(k.name, unanswered) })
	}
	r.begin(ctx, l.clash)
	for _, k := range kinds {
		r.begin(ctx, k.plan(r.rnd))
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	for sleep(ctx, gap(r.rnd, t.Rate)) == nil {
		r.begin(ctx, pick(kinds, r.rnd.IntN(total)).plan(r.rnd))
	}
	r.running.Wait()
	return r.result()
}

// gap is the time to the next flow: exponential, as independent users make it.
func gap(rnd *rand.Rand, rate float64) time.Duration {
	return time.Duration(min(rnd.ExpFloat64(), 5) / rate * float64(time.Second))
}

func pick(kinds []kind, at int) kind {
	for _, k := range kinds {
		if at -= k.weight; at < 0 {
			return k
		}
	}
	return kinds[len(kinds)-1]
}

// runner is the state of one Run.
type runner struct {
	rnd     *rand.Rand // of Run's goroutine alone
	running sync.WaitGroup
	slots   chan struct{}

	mu     sync.Mutex // guards what follows
	begun  int
	failed int
	first  error
}

// begin runs a flow on its own goroutine, once a slot is free.
func (r *runner) begin(ctx context.Context, f flow) {
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

func (r *runner) count(ctx context.Context, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	if err == nil || ctx.Err() != nil { // the end of ctx ends flows as well
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

// clash holds connections of both clients from port 4444 to one destination,
// again and again: the gateway must rewrite the second one's port.
func (l *Lab) clash(ctx context.Context) error {
	for ctx.Err() == nil {
		errs := make([]error, 2)
		var both sync.WaitGroup
		for i, from := range []*Namespace{l.Client, l.Client2} {
			both.Go(func() {
				// Ended by RST, for TIME_WAIT would keep the port.
				_, errs[i] = l.TCPOnce(ctx, TCP{
					From: from, Local: portOnly(clashPort), To: ServerHTTPS,
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
