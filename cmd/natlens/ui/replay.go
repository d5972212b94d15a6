//go:build !noui

package ui

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/who"
	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/annotate"
	"natlens/monitor/filter"
	"natlens/monitor/findings"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
	"natlens/tui"
	"natlens/tui/tail"
	tuiwho "natlens/tui/who"
)

// replayOptions is the command line of replay.
type replayOptions struct {
	screen
	speed  float64
	paused bool
	at     string
}

// NewReplay returns the command replay.
func NewReplay(con cli.Console) *cobra.Command {
	o := replayOptions{screen: screen{con: con}}
	cmd := &cobra.Command{
		Use:   "replay FILE…",
		Short: "Play a recording in the terminal UI",
		Long: `Play a recording in the terminal UI: JSON lines of natlens watch, or a netlink capture of natlens record,
plain or compressed. Several files are played one after another. The keys of the UI play, pause, seek and set the
speed. To print a recording as lines, use natlens watch --from FILE.`,
		Example: "  natlens watch -o jsonl --output night.jsonl\n  natlens replay night.jsonl --speed 10\n" +
			"  natlens replay night.jsonl --at 14:32 --paused",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("replay needs the file of a recording")
			}
			return o.run(cmd.Context(), args)
		},
	}
	f := cmd.Flags()
	f.Float64Var(&o.speed, "speed", 1, "play this many `times` as fast as recorded, from 0.1 to 100")
	f.BoolVar(&o.paused, "paused", false, "start paused")
	f.StringVar(&o.at, "at", "", "begin with what happened up to this `time`, and play on: "+cli.MomentHelp)
	o.register(cmd)
	return cmd
}

func (o *replayOptions) run(ctx context.Context, paths []string) error {
	if _, ok := cli.Terminal(o.con.Stdout); !ok {
		return cli.Usagef("standard output is not a terminal: natlens watch --from FILE writes a recording as lines")
	}
	if !(o.speed >= replay.MinSpeed && o.speed <= replay.MaxSpeed) { // rejects NaN too
		return cli.Usagef("--speed %g: must be from %g to %g",
			o.speed, float64(replay.MinSpeed), float64(replay.MaxSpeed))
	}
	at, err := cli.Moment(replay.File(export.Reading(replay.Config{}), paths...), "--at", o.at)
	if err != nil {
		return err
	}
	asker := who.NewAsker(o.con, who.Scope{Recordings: paths})
	rec := func(cfg replay.Config) *replay.Recording { return replay.File(cfg, paths...) }
	return o.play(ctx, filepath.Base(paths[0]), asker, rec, replay.PlayerConfig{Speed: o.speed, Paused: o.paused,
		At: at})
}

// play shows the user interface on a recording.
func (o *screen) play(ctx context.Context, name string, asker tuiwho.Asker,
	rec func(replay.Config) *replay.Recording, cfg replay.PlayerConfig) error {
	if err := o.check(); err != nil {
		return err
	}
	last, names := tail.New(), new(monitor.Namespaces)
	l := &loop.Loop{Table: table.New(table.Config{Linger: linger, Life: true})}
	l.Sink(last, nil)
	var known annotate.Known
	l.Annotate = known.Batch
	cfg.Reset = func() { l.Table.Clear(); last.Clear(); known.Clear() }
	player, err := replay.NewPlayer(rec(export.Reading(replay.Config{Locals: l.SetLocals, Namespaces: names})), cfg)
	if err != nil {
		return err
	}
	defer player.Close()
	engine := findings.New(findings.Config{
		Table: l.Table, Thresholds: findings.DefaultThresholds(), Namespace: filter.NetNS(names),
	})
	l.Source, l.Rules, l.Clock = player, engine, player.Now
	show := o.config(l, last, names)
	if cfg.AsOf == 0 { // the demo has no processes
		show.Env.Local = known.Of
	}
	show.Info = tui.Info{Host: hostName(), Namespace: name, Capture: "replay"}
	show.Player, show.Clock, show.Findings, show.Who = player, player.Now, engine, asker
	return tui.Run(ctx, show)
}
