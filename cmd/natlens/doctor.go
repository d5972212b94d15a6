//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/doctor"
)

// doctorConfig is the command line of doctor.
type doctorConfig struct {
	capture cli.CaptureFlags
	confirm cli.ConfirmFlags
	limits  cli.ThresholdFlags
	look    time.Duration
	json    bool
	fix     bool
	restore bool
	state   string // directory
}

func newDoctor(con cli.Console) *cobra.Command {
	var cfg doctorConfig
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with connection tracking here, and the commands that mend it",
		Long: `Look at connection tracking for some seconds and say, a line each, whether natlens sees what people expect,
whether the table is well, and what is wrong with the traffic: ✓ well, ! could be better, ✗ wrong, each with what it
was seen by and the command that mends it. The exit code is 1 if something is wrong.

With --fix it makes, after asking, those settings that are safe: sysctls of this network namespace. The old values
are kept in a file, and --fix --restore puts them back.`,
		Example: `  natlens doctor
  natlens doctor --for 30s --json
  natlens doctor --fix
  natlens doctor --fix --restore`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cfg.run(cmd.Context(), con)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&cfg.look, "for", 5*time.Second, "how `long` to look")
	f.BoolVar(&cfg.json, "json", false, "write one JSON object")
	f.BoolVar(&cfg.fix, "fix", false, "make the settings that are safe, after asking")
	f.BoolVar(&cfg.restore, "restore", false, "with --fix: put back what was set before")
	f.StringVar(&cfg.state, "state", "", "`directory` in which the old values are kept (default /run/natlens, or that of $XDG_RUNTIME_DIR)")
	cli.InGroup(f, cli.GroupOutput, "json")
	cli.MustComplete(cmd, "for", cobra.NoFileCompletions)
	cfg.limits.Register(cmd)
	cfg.confirm.Register(cmd)
	cfg.capture.Register(cmd)
	return cmd
}

func (c *doctorConfig) Check(con cli.Console) error {
	switch {
	case c.look <= 0:
		return cli.Usagef("--for %s: must be longer than nothing", c.look)
	case c.restore && !c.fix:
		return cli.Usagef("--restore goes with --fix")
	case c.restore && c.limits.Texts != nil:
		return cli.Usagef("--restore looks at nothing, so that there is nothing for --limit")
	case c.restore && c.json:
		return cli.Usagef("--restore writes no JSON")
	case !c.fix && (c.confirm.Yes || c.confirm.DryRun):
		return cli.Usagef("--yes and --dry-run go with --fix")
	case c.fix:
		return c.confirm.Check(con, "doctor --fix")
	}
	return nil
}

func (c *doctorConfig) run(ctx context.Context, con cli.Console) error {
	if err := c.Check(con); err != nil {
		return err
	}
	open, netns, err := c.capture.Config(kindsAll)
	if err != nil {
		return err
	}
	defer netns.Close() // nil: does nothing
	remembered := &fixes{dir: c.stateDir(con), netns: cli.NetnsFD(netns)}
	if err := remembered.load(); err != nil {
		return err
	}
	if c.restore {
		return restore(ctx, con, &c.confirm, remembered)
	}
	if !c.confirm.DryRun {
		if err := remembered.mend(con); err != nil {
			fmt.Fprintf(con.Stderr, "natlens: %s\n", cli.OneLine(err)) // told below how to
		}
	}
	place := placeOf(c.capture.Netns)
	args := []string{"doctor", "--fix", "--restore"}
	if c.state != "" {
		args = append(args, "--state", c.state)
	}
	remembered.tell(con, placedCommand(place, args))
	s, found, err := look(ctx, open, c.look, c.limits.Limits, place)
	if err != nil {
		return err
	}
	all := doctor.Diagnose(s, doctor.DefaultLimits)
	if err := c.write(con, s, all, found); err != nil {
		return err
	}
	if c.fix {
		if err := fix(ctx, con, &c.confirm, remembered, doctor.Fixes(all)); err != nil {
			return err
		}
		all = unfixed(all)
	}
	if worst(all, found) == doctor.Fail {
		return cli.ErrSilent
	}
	return nil
}

// unfixed are the checks that --fix does nothing about.
func unfixed(all []doctor.Check) (left []doctor.Check) {
	for _, c := range all {
		if len(c.Fix) == 0 {
			left = append(left, c)
		}
	}
	return left
}

func (c *doctorConfig) write(con cli.Console, s *doctor.Snapshot, all []doctor.Check, found []monitor.Finding) error {
	text := doctorJSON(s, all, found)
	if !c.json {
		text = doctorText(con, append(slices.Clip(all), findingLines(s, found)...))
	}
	_, err := con.Stdout.Write(text)
	return err
}

func (c *doctorConfig) stateDir(con cli.Console) string {
	if c.state != "" {
		return c.state
	}
	return stateDir(con)
}

// stateDir is where the old values are kept: a place that is empty after the
// next boot, as the settings are.
func stateDir(con cli.Console) string {
	switch {
	case os.Geteuid() == 0:
		return "/run/natlens"
	case con.Getenv("XDG_RUNTIME_DIR") != "":
		return con.Getenv("XDG_RUNTIME_DIR") + "/natlens"
	}
	return "/run/natlens"
}
