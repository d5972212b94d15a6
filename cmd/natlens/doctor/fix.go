//go:build linux

package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/doctor"
	"natlens/monitor/kernel"
)

// fixes sets sysctls of a network namespace.
type fixes struct {
	con   cli.Console
	netns int // its file descriptor; 0: the caller's
	place doctor.Place
}

// apply asks, sets what is wanted, and prints the commands that undo it.
func (f *fixes) apply(ctx context.Context, confirm *cli.ConfirmFlags, wanted []doctor.Setting) error {
	if len(wanted) == 0 {
		fmt.Fprintln(f.con.Stderr, "natlens: --fix has nothing to set")
		return nil
	}
	before := make([]string, len(wanted))
	var list []string
	for i, w := range wanted {
		now, err := kernel.ReadSysctl(f.netns, w.Name)
		if err != nil {
			return err
		}
		before[i] = now
		list = append(list, fmt.Sprintf("%s=%d (is %s)", w.Name, w.Value, now))
	}
	all := strings.Join(list, ", ")
	switch {
	case confirm.DryRun:
		fmt.Fprintf(f.con.Stderr, "natlens: would set %s\n", all)
		return nil
	case !confirm.Yes && !f.con.Ask(ctx, "set "+all+"?"):
		return errors.New("nothing was set")
	}
	for i, w := range wanted {
		if err := kernel.WriteSysctl(f.netns, w.Name, fmt.Sprint(w.Value)); err != nil {
			return err
		}
		fmt.Fprintf(f.con.Stderr, "natlens: %s=%d; undo: %ssysctl -w %s=%s\n", w.Name, w.Value, f.place.Enter(),
			w.Name, before[i])
	}
	return nil
}
