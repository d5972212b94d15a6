package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/findings"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
	"natlens/tui"
)

// replayConfig is the command line of replay.
type replayConfig struct {
	ui     uiConfig
	speed  float64
	paused bool
}

func newReplay(con cli.Console) *cobra.Command {
	var cfg replayConfig
	cmd := &cobra.Command{
		Use:   "replay FILE…",
		Short: "Play a recording in the terminal UI",
		Long: `Play a recording in the terminal UI: JSON lines as natlens watch writes them, or a netlink capture as natlens record
does, plain or packed; several files follow each other. The keys of the UI play, pause, seek and set the speed. To stream
a recording as lines, use natlens watch --from FILE.`,
		Example: "  natlens watch -o jsonl --output night.jsonl\n  natlens replay night.jsonl --speed 10",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("replay needs the file of a recording")
			}
			return cfg.run(cmd.Context(), con, args)
		},
	}
	f := cmd.Flags()
	f.Float64Var(&cfg.speed, "speed", 1, "how fast to play, from 0.1 to 100 `times` as it was recorded")
	f.BoolVar(&cfg.paused, "paused", false, "begin paused")
	cfg.ui.Register(cmd)
	return cmd
}

func (c *replayConfig) run(ctx context.Context, con cli.Console, paths []string) error {
	if _, ok := cli.Terminal(con.Stdout); !ok {
		return cli.Usagef("standard output is no terminal: natlens watch --from FILE streams a recording as lines")
	}
	if c.speed < replay.MinSpeed || c.speed > replay.MaxSpeed {
		return cli.Usagef("--speed %g: must be from %g to %g", c.speed, float64(replay.MinSpeed), float64(replay.MaxSpeed))
	}
	c.ui.who = &uiWho{con: con, recordings: paths}
	return c.ui.play(ctx, con, filepath.Base(paths[0]), func(cfg replay.Config, p replay.PlayerConfig) (*replay.Player, error) {
		p.Speed, p.Paused = c.speed, c.paused
		return replay.NewPlayer(replay.File(cfg, paths...), p)
	})
}

// play shows the UI on a recording that open makes a player of.
func (c *uiConfig) play(ctx context.Context, con cli.Console, name string,
	open func(replay.Config, replay.PlayerConfig) (*replay.Player, error)) error {
	if err := c.Check(con); err != nil {
		return err
	}
	tail := tui.NewTail()
	m := &loop.Loop{
		Table: table.New(table.Config{Linger: uiLinger, Life: true}),
		Sinks: []monitor.Sink{tail},
	}
	reset := func() {
		m.Table.Clear()
		tail.Clear()
	}
	namespaces := new(monitor.Namespaces)
	player, err := open(replay.Config{Formats: export.Readers(), Zstd: cli.UnpackZstd, Locals: m.Table.SetLocals, Namespaces: namespaces}, replay.PlayerConfig{Reset: reset})
	if err != nil {
		return err
	}
	defer player.Close()
	m.Source = player
	engine := findings.New(findings.Config{Table: m.Table, Thresholds: findings.DefaultThresholds()})
	m.Rules = recorded{engine, player}
	cfg := c.Config(con, m, tail)
	cfg.Env.Namespaces, cfg.Exporter = namespaces, fileExporter{namespaces}
	cfg.Info = tui.Info{Host: hostName(), Namespace: name, Capture: "replay"}
	cfg.Player, cfg.Clock, cfg.Findings = steered{player}, player.Now, engine
	return tui.Run(ctx, cfg)
}

// recorded is an engine that looks at a recording by the recording's clock.
type recorded struct {
	*findings.Engine
	player *replay.Player
}

// Tick takes the recording's time for now.
func (r recorded) Tick(monitor.Time) []monitor.Finding { return r.Engine.Tick(r.player.Now()) }

// steered is a replay.Player as the UI steers it.
type steered struct{ *replay.Player }

// State tells where the player stands.
func (s steered) State() tui.Playing { return tui.Playing(s.Player.State()) }
