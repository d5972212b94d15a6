//go:build linux

// Package doctor is the command that checks connection tracking. It captures events for some seconds, and prints what
// is wrong and the commands that fix it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	exporttext "natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/kernel"
	"natlens/monitor/live"
	"natlens/monitor/loop"
	"natlens/monitor/netns"
)

type options struct {
	con        cli.Console
	capture    cli.CaptureFlags
	confirm    cli.ConfirmFlags
	thresholds cli.ThresholdFlags
	duration   time.Duration
	format     string
	fix        bool
}

// New returns the command doctor.
func New(con cli.Console) *cobra.Command {
	o := options{con: con}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Report what is wrong with connection tracking, and the commands that fix it",
		Long: `Capture events for some seconds and print a line for each check: whether natlens gets all events,
whether the table is healthy, and what is wrong with the traffic. ✓ is good, ! can be improved, ✗ is wrong. Each line
has the evidence and, after an arrow, the command that fixes the problem. The exit code is 1 if something is wrong.

With --fix it asks, sets the sysctls of this network namespace that are safe to set, and prints the commands that
undo it.`,
		Example: `  natlens doctor
  natlens doctor --for 30s -o json
  natlens doctor --netns all
  natlens doctor --fix`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	f.DurationVar(&o.duration, "for", 5*time.Second, "capture for this `time`, such as 30s")
	f.StringVarP(&o.format, "output-format", "o", "pretty", "`format`: pretty or json")
	f.BoolVar(&o.fix, "fix", false, "ask, then set the sysctls that are safe to set")
	cli.InGroup(f, cli.GroupOutput, "output-format")
	cli.MustComplete(cmd, "output-format", cli.OneOf("pretty", "json"))
	o.thresholds.Register(cmd)
	o.confirm.Register(cmd)
	o.capture.Register(cmd)
	o.capture.AllowEvery(cmd)
	return cmd
}

func (o *options) check() error {
	switch {
	case o.format != "pretty" && o.format != "json":
		return cli.Usagef("-o %s: must be pretty or json", o.format)
	case o.duration <= 0:
		return cli.Usagef("--for %s: must be longer than 0", o.duration)
	case o.fix && o.capture.Every():
		return cli.Usagef("--fix changes one network namespace: not together with --netns all")
	case !o.fix && (o.confirm.Yes || o.confirm.DryRun):
		return cli.Usagef("--yes and --dry-run go with --fix")
	case o.fix:
		return o.confirm.Check(o.con, "doctor --fix")
	}
	return nil
}

func run(ctx context.Context, o *options) error {
	if err := o.check(); err != nil {
		return err
	}
	e, err := examine(ctx, o)
	if err != nil {
		return err
	}
	text := e.text(o.con)
	if o.format == "json" {
		text = e.json()
	} else if o.con.ASCII() {
		text = exporttext.ASCII(text)
	}
	if _, err := o.con.Stdout.Write(text); err != nil {
		return err
	}
	checks := e.checks
	if o.fix {
		err := o.capture.In(func(fd int) error { return o.apply(ctx, fd, e.all[0]) })
		if err != nil {
			return err
		}
		checks = slices.DeleteFunc(slices.Clone(checks), func(c doctor.Check) bool { return len(c.Fix) > 0 })
	}
	if worst(checks, e.found) == doctor.Fail {
		return cli.ErrSilent
	}
	return nil
}

// worst returns the highest level of the checks and the findings. Skipped checks do not count.
func worst(checks []doctor.Check, found []monitor.Finding) (level doctor.Level) {
	for _, c := range checks {
		if c.Level != doctor.Skip {
			level = max(level, c.Level)
		}
	}
	for i := range found {
		level = max(level, levelOf(&found[i]))
	}
	return level
}

// levelOf returns the level of a check with the severity of a finding.
func levelOf(f *monitor.Finding) doctor.Level {
	return [...]doctor.Level{doctor.OK, doctor.Warn, doctor.Fail}[f.Severity]
}

// apply asks, sets the sysctls that are safe to set in the network namespace, and prints the commands that undo it. It
// sets nothing if the user does not agree.
func (o *options) apply(ctx context.Context, ns int, found doctor.Named) error {
	wanted := doctor.Fixes(found.Checks)
	if len(wanted) == 0 {
		fmt.Fprintln(o.con.Stderr, "natlens: --fix has nothing to set")
		return nil
	}
	before := make([]string, len(wanted))
	var list []string
	for i, w := range wanted {
		now, err := netns.ReadSysctl(ns, w.Name)
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
		if err := netns.WriteSysctl(ns, w.Name, fmt.Sprint(w.Value)); err != nil {
			return err
		}
		fmt.Fprintf(o.con.Stderr, "natlens: %s=%d; undo: %ssysctl -w %s=%s\n", w.Name, w.Value,
			found.Snapshot.Place.Enter(), w.Name, before[i])
	}
	return nil
}

// examined is the result for one network namespace or for all. all is never empty.
type examined struct {
	all    []doctor.Named
	checks []doctor.Check
	found  []monitor.Finding
	name   func(monitor.NetNS) string // of a namespace; "" if there is only one
}

// span returns how long events were captured; 0 if they could not be captured.
func (e *examined) span() time.Duration { return e.all[0].Snapshot.Span }

// examine captures for the time of --for, or until ctx ends, and returns the checks and findings. Without privilege it
// makes only the checks that need none, unless all namespaces are asked for.
func examine(ctx context.Context, o *options) (e *examined, err error) {
	thresholds := o.thresholds.Values
	thresholds.Within(o.duration)
	run, err := o.capture.Open(live.Config{Refused: o.con.Refused,
		Existing: loop.ExistingBeside}, nil)
	if errors.Is(err, netns.ErrPrivilege) && !o.capture.Every() {
		return e, o.capture.In(func(fd int) (failed error) {
			e, failed = denied(o.capture.Netns, fd, err)
			return failed
		})
	}
	if err != nil {
		return nil, err
	}
	defer run.Close()
	run.AddRules(thresholds, true)
	e = &examined{name: run.Name}
	// Read the state at the end even if ctx ends early.
	reading := context.WithoutCancel(ctx)
	before, err := run.Read(reading)
	if err != nil && len(before) == 0 {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	if err := run.Run(ctx); err != nil {
		return nil, err
	}
	run.Findings.Finish(monitor.Now())
	e.found = run.Findings.Snapshot()
	after, err := run.Read(reading)
	if err != nil && len(after) == 0 {
		return nil, err
	}
	events := run.Captured()
	for _, now := range after {
		old := slices.IndexFunc(before, func(r live.Reading) bool { return r.ID == now.ID })
		if old < 0 {
			continue // a namespace that is newer than the first reading
		}
		s := &doctor.Snapshot{Place: run.Place(now.ID), Capture: events, Seen: run.Capture.Received(now.ID)}
		probe.Between(s, &before[old].Reading, &now.Reading)
		s.Counts = &doctor.Counts{Before: func(orig monitor.Tuple) (monitor.Reading, bool) {
			return run.Reading(now.ID, orig)
		}}
		err := run.In(now.ID, func(fd int) error { return fill(reading, s, fd) })
		switch {
		case err == nil:
			e.add(run.Name(now.ID), s)
		case !errors.Is(err, netns.ErrGone):
			return nil, err
		}
	}
	if e.all == nil {
		return nil, errors.New("no network namespace could be read")
	}
	e.checks = doctor.Merge(e.all)
	return e, nil
}

func (e *examined) add(name string, s *doctor.Snapshot) {
	e.all = append(e.all, doctor.Named{Name: name, Snapshot: s, Checks: doctor.Diagnose(s)})
}

func fill(ctx context.Context, s *doctor.Snapshot, fd int) error {
	if err := probe.Settings(s, fd); err != nil {
		return err
	}
	s.Tracking, s.Counts.Timeouts = probe.Tracking(fd), probe.TCPTimeouts(fd)
	dump, err := kernel.Dump(ctx, fd)
	if err != nil {
		return err
	}
	return errors.Join(monitor.Each(ctx, dump, s.Counts.Add), dump.Close())
}

// denied returns the checks that need no privilege. why is the reason that nothing could be captured.
func denied(which string, fd int, why error) (*examined, error) {
	places := probe.Places{Sudo: cli.Sudo()}
	s := &doctor.Snapshot{Place: places.At(which), Denied: why.Error()}
	if err := probe.Settings(s, fd); err != nil {
		return nil, err
	}
	e := &examined{name: func(monitor.NetNS) string { return "" }}
	e.add("", s)
	e.checks = doctor.Merge(e.all)
	return e, nil
}
