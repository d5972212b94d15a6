//go:build linux

package doctor

import (
	"context"
	"fmt"
	"strings"

	"natlens/monitor/doctor"
	"natlens/monitor/kernel"
)

// apply asks, makes the settings that are safe in the network namespace, and prints the commands that undo them.
func (o *options) apply(ctx context.Context, netns int, found doctor.Named) error {
	wanted := doctor.Fixes(found.Checks)
	if len(wanted) == 0 {
		fmt.Fprintln(o.con.Stderr, "natlens: --fix has nothing to set")
		return nil
	}
	before := make([]string, len(wanted))
	var list []string
	for i, w := range wanted {
		now, err := kernel.ReadSysctl(netns, w.Name)
		if err != nil {
			return err
		}
		before[i] = now
		list = append(list, fmt.Sprintf("%s=%d (is %s)", w.Name, w.Value, now))
	}
	all := strings.Join(list, ", ")
	if ok, err := o.confirm.Allow(ctx, o.con, "set "+all+"?", "would set "+all, "set"); !ok {
		return err
	}
	for i, w := range wanted {
		if err := kernel.WriteSysctl(netns, w.Name, fmt.Sprint(w.Value)); err != nil {
			return err
		}
		fmt.Fprintf(o.con.Stderr, "natlens: %s=%d; undo: %ssysctl -w %s=%s\n", w.Name, w.Value,
			found.Snapshot.Place.Enter(), w.Name, before[i])
	}
	return nil
}
