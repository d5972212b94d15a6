//go:build linux

package lab

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
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
