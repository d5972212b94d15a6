//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
)

// registerAction adds the flags of a command that changes the flows of a filter.
func (o *options) registerAction(cmd *cobra.Command) {
	o.confirm.Register(cmd)
	o.output.RegisterHidden(cmd)
	o.flows.Capture.RegisterNetNS(cmd)
	o.register(cmd)
}

// wanted returns the flows in the kernel's table that match the filter.
func (o *options) wanted(ctx context.Context) iter.Seq2[*monitor.Batch, error] {
	wanted := o.filter.Compiled()
	return func(yield func(*monitor.Batch, error) bool) {
		cfg := kernel.DumpConfig{Push: o.filter.Sel.Expr}
		for b, err := range o.flows.Capture.Flows(ctx, o.con.Refused, cfg, nil) {
			if b.Keep(wanted); !yield(b, err) {
				return
			}
		}
	}
}

// act calls do with flows, shows with -o those that are left in the batch, and returns their
// number.
func (o *options) act(flows iter.Seq2[*monitor.Batch, error], do func(*monitor.Batch) error) (n uint64, err error) {
	acted := func(yield func(*monitor.Batch, error) bool) {
		for b, failed := range flows {
			if err := errors.Join(failed, do(b)); !yield(b, err) || err != nil {
				return
			}
		}
	}
	if o.output.Format != "" {
		return o.show(acted, nil, 0)
	}
	for b, failed := range acted {
		n, err = n+uint64(len(b.Events)), failed
	}
	return n, err
}

// previewed is how many flows are shown before the question.
const previewed = 10

// preview shows the first matching flows on standard error, asks whether to change all of them,
// and returns them. With --dry-run it returns none.
func (o *options) preview(ctx context.Context, act, done string) ([]kernel.Target, error) {
	con := o.con
	width, _ := cli.Terminal(con.Stderr)
	sink, err := export.New("pretty", cli.Screen(con.Stderr), export.Options{Colour: con.Colour(con.Stderr),
		Light: con.Light(), ASCII: con.ASCII(), Width: width, LabelFile: con.LabelFile})
	if err != nil {
		return nil, err
	}
	var targets []kernel.Target
	for b, err := range o.wanted(ctx) {
		if err != nil {
			return nil, err
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
	if len(targets) == 0 {
		return nil, noneMatches(act)
	}
	text := human.Plural(len(targets), "flow")
	ok, err := o.confirm.Allow(ctx, con, act+" "+text+"?", text+" would be "+done+".", done)
	if !ok {
		return nil, err
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
