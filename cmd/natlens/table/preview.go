//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
)

// previewed is how many flows are shown before the question.
const previewed = 10

// preview shows the first of the flows that are wanted (nil: all) on standard error, asks whether to do something to
// all of them, and returns them. There are none if --dry-run was given.
func preview(ctx context.Context, con cli.Console, confirm *cli.ConfirmFlags, flows iter.Seq2[*monitor.Batch,
	error], wanted monitor.Filter, act, done string) ([]kernel.Target, error) {
	width, _ := cli.Terminal(con.Stderr)
	sink, err := export.New("pretty", cli.Screen(con.Stderr), export.Options{Colour: con.Colour(con.Stderr),
		Light: con.Light(), ASCII: con.ASCII(), Width: width, LabelFile: con.LabelFile})
	if err != nil {
		return nil, err
	}
	var targets []kernel.Target
	for b, err := range flows {
		if err != nil {
			return nil, err
		}
		if wanted != nil {
			b.Keep(wanted)
		}
		left := max(0, previewed-len(targets))
		targets = appendTargets(targets, b)
		if b.Events = b.Events[:min(len(b.Events), left)]; len(b.Events) > 0 {
			if err := sink.Write(b); err != nil {
				return nil, err
			}
		}
	}
	if more := len(targets) - previewed; more > 0 {
		fmt.Fprintf(con.Stderr, "… and %s more\n", human.Count(uint64(more)))
	}
	switch text := human.Plural(len(targets), "flow"); {
	case len(targets) == 0:
		return nil, noneMatches(act)
	case confirm.DryRun:
		fmt.Fprintf(con.Stderr, "natlens: %s would be %s.\n", text, done)
		return nil, nil
	case !con.Ask(ctx, fmt.Sprintf("%s %s?", act, text)):
		return nil, errors.New("nothing was " + done)
	}
	return targets, nil
}

// errNone is the error of a filter that selects no flow.
var errNone = errors.New("no flow matches")

func noneMatches(act string) error { return fmt.Errorf("%w: nothing to %s", errNone, act) }

func appendTargets(targets []kernel.Target, b *monitor.Batch) []kernel.Target {
	for i := range b.Events {
		targets = append(targets, kernel.TargetOf(&b.Events[i].Flow, b.Events[i].Has))
	}
	return targets
}
