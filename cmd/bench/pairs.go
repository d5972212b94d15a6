//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"natlens/monitor/lab/labtest"
)

// comparePairs prints the cost of findings and metrics per event. The two runs of a pair
// follow each other, so that a slow minute of the machine affects both.
func (b *bench) comparePairs(ctx context.Context) error {
	t := newTable(fmt.Sprintf("%d new flows, %d pairs of runs", b.flows, b.pairs),
		"natlens ring", "µs without", "µs with", "with/without: min", "median", "max")
	defer t.Flush()
	events := filepath.Join(b.dir, "events")
	for _, base := range []listener{
		{name: "no match", count: natlensEvents, args: []string{"-o", "jsonl", "mark", "999"}},
		{name: "jsonl", file: events, args: []string{"-o", "jsonl", "--output", events}},
	} {
		translated := base
		// 300,000 inside hosts, as many as a large carrier's gateway has.
		translated.name, translated.snat, translated.hosts = "SNAT, "+base.name, true, 300_000
		for _, l := range []listener{base, translated} {
			for name, with := range map[string][]string{
				"findings": {"--findings"}, "findings and metrics": {"--findings", "--metrics", "127.0.0.1:0"},
			} {
				if err := b.pair(ctx, t, l, l.name+", "+name, with); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// pair adds the row of a listener with and without arguments.
func (b *bench) pair(ctx context.Context, t *table, l listener, name string, with []string) error {
	if !b.wanted(t, name, b.natlens) {
		return nil
	}
	var cost [2][]float64
	var ratios []float64
	for i := range b.pairs {
		for j := range 2 {
			which := (i + j) % 2 // without, with; with, without; …
			run := l
			run.args = slices.Concat([]string{b.natlens, "watch", "--capture", "ring"}, with[:which*len(with)], l.args)
			r, err := run.measure(ctx, labtest.GenConfig{Flows: b.flows, Rate: b.rate, Sources: l.hosts}, 0)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			cost[which] = append(cost[which], run.perEvent(r))
		}
		ratios = append(ratios, cost[1][i]/cost[0][i])
	}
	slices.Sort(ratios)
	t.row(name, median(cost[0]), median(cost[1]), ratios[0], median(ratios), ratios[len(ratios)-1])
	return nil
}

func median(all []float64) float64 {
	slices.Sort(all)
	return (all[len(all)/2] + all[(len(all)-1)/2]) / 2
}
