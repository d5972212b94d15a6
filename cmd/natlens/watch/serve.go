//go:build linux

package watch

import (
	"fmt"
	"path/filepath"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/service"
	"natlens/monitor/human"
	"natlens/monitor/live"
)

// serve reports to the service manager that the run captures, and gives up the rights that it does not need any
// more. A run that enters namespaces, or reads what other processes do, keeps its rights. The caller calls ended at
// the end.
func (o *Options) serve(con cli.Console, run *live.Run) (ended func(), err error) {
	if con.Alone && !run.Several() && run.NetNS() == 0 && !o.Filter.Process {
		if err := service.Confine(o.dirs()...); err != nil {
			return nil, err
		}
	}
	return service.Ready(statusOf(run), aliveOf(run.Loop.Progress))
}

// dirs are the directories in which the run makes files.
func (o *Options) dirs() (all []string) {
	if o.kept.Dir != "" {
		all = append(all, o.kept.Dir)
	}
	if path := o.output.Path(); path != "" {
		all = append(all, filepath.Dir(path))
	}
	return all
}

// statusOf returns a function that describes the run since its last call: events a second, and losses.
func statusOf(run *live.Run) func() string {
	last, before := time.Now(), run.Loop.Stats().Events
	return func() string {
		st, now := run.Loop.Stats(), time.Now()
		rate := float64(st.Events-before) / max(now.Sub(last).Seconds(), 1e-3)
		last, before = now, st.Events
		return fmt.Sprintf("%s events/s, %s lost", human.Count(uint64(rate+0.5)), human.Count(st.Lost))
	}
}

// aliveOf returns a function that reports whether the loop waits for events or has passed on some since its last call.
func aliveOf(progress func() (batches uint64, waiting bool)) func() bool {
	before, _ := progress()
	return func() bool {
		batches, waiting := progress()
		alive := waiting || batches != before
		before = batches
		return alive
	}
}
