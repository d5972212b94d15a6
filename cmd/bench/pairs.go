//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"natlens/monitor/lab/labtest"
)

// pair is two ways to run natlens that are compared run by run: a machine that is
// slow for a minute is slow for both.
type pair struct {
	name       string
	base, with listener
}

// manyHosts is how many inside hosts begin flows where there are many: as many as
// a large carrier's gateway has.
const manyHosts = 300_000

// pairs compare what findings and metrics add, at the price of an event without
// any output, and at that of one with the usual output; to flows of one host without
// NAT, and to flows of many hosts whose sources are translated.
func pairs(natlens, dir string) (all []pair) {
	none := listener{name: "no match", count: natlensEvents, args: []string{"-o", "jsonl", "mark", "999"}}
	jsonl := listener{name: "jsonl", args: []string{"-o", "jsonl", "--output", filepath.Join(dir, "pair")}, file: filepath.Join(dir, "pair")}
	bases := []listener{none, jsonl}
	for _, l := range bases {
		l.name, l.snat, l.hosts = "SNAT, "+l.name, true, manyHosts
		bases = append(bases, l)
	}
	for _, base := range bases {
		listen := func(more ...string) listener {
			l := base
			l.args = slices.Concat([]string{natlens, "watch", "--capture", "ring"}, more, base.args)
			return l
		}
		all = append(all,
			pair{base.name + ", findings", listen(), listen("--findings")},
			pair{base.name + ", findings and metrics", listen(), listen("--findings", "--metrics", "127.0.0.1:0")})
	}
	return all
}

// comparePairs prints what the second of each pair costs an event, as a share of
// what the first does.
func (b *bench) comparePairs(ctx context.Context) error {
	fmt.Printf("%d new flows %s, %d pairs of runs\n%-42s %11s %11s   %s\n", b.flows, b.speed(), b.pairs,
		"natlens ring", "µs without", "µs with", "with/without: min  median  max")
	for _, p := range pairs(b.natlens, b.dir) {
		if !b.only.MatchString(p.name) {
			continue
		}
		var without, with, ratios []float64
		for i := range b.pairs {
			runs := [2]float64{}
			for j := range runs {
				which := (i + j) % 2 // A B, B A, A B, …
				r, err := measure(ctx, [2]listener{p.base, p.with}[which], labtest.GenConfig{Flows: b.flows, Rate: b.rate}, 0)
				if err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				runs[which] = r.perEvent()
			}
			without, with, ratios = append(without, runs[0]), append(with, runs[1]), append(ratios, runs[1]/runs[0])
		}
		slices.Sort(ratios)
		fmt.Printf("%-42s %11.2f %11.2f %19.2f %7.2f %4.2f\n", p.name, median(without), median(with), ratios[0], median(ratios), ratios[len(ratios)-1])
	}
	return nil
}

func median(all []float64) float64 {
	slices.Sort(all)
	return (all[len(all)/2] + all[(len(all)-1)/2]) / 2
}
