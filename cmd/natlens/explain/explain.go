package explain

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/tui/walk"
)

// explainConfig is the command line of explain.
type explainConfig struct {
	capture cli.CaptureFlags
	from    cli.FromFlags
	filter  cli.FilterFlags
	limit   int
	width   int
}

func NewExplain(con cli.Console) *cobra.Command {
	cfg := explainConfig{filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "explain [filter…]",
		Short: "Draw the way of a flow's packets through the hooks",
		Long: `Draw the way that the packets of the selected flows take through this host, in both directions: where conntrack
looks them up, at which hook NAT rewrites what, and why nothing else is looked up or rewritten. The flows are
those in the table now.`,
		Example: "  natlens explain tcp dport 443 and src 192.168.77.2\n  natlens explain id 1561741433",
		Args:    cfg.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.limit < 0 || cfg.width < 0 {
				return cli.Usagef("--limit and --width must not be negative")
			}
			if cfg.from.Given() {
				return cfg.replay(cmd, cfg.filter.Named(con))
			}
			return cfg.run(cmd.Context(), cfg.filter.Named(con))
		},
	}
	f := cmd.Flags()
	f.IntVar(&cfg.limit, "limit", 10, "draw at most `N` flows, and say how many more there are; 0: all")
	f.IntVar(&cfg.width, "width", 0, "`columns` to draw in (default the terminal's, else 100)")
	cli.MustComplete(cmd, "limit", cobra.NoFileCompletions)
	cli.MustComplete(cmd, "width", cobra.NoFileCompletions)
	cfg.capture.RegisterNetNS(cmd)
	cfg.from.Register(cmd)
	cfg.from.RegisterAt(cmd)
	cfg.filter.Register(cmd)
	cfg.filter.RegisterLabelMap(cmd)
	return cmd
}

// explain draws the flows of a source that are wanted; empty says why the source
// may have none. Without local addresses the flows' paths stay as they come.
func (c *explainConfig) explain(ctx context.Context, con cli.Console, source monitor.Source, locals *monitor.Locals, empty string) error {
	walks, more, total, err := c.pick(ctx, source, locals)
	switch {
	case err != nil:
		return err
	case total == 0:
		return errors.New("explain: the table is empty: " + empty)
	case len(walks) == 0:
		return fmt.Errorf("explain: none of the %d flows in the table matches %s", total, c.filter.Sel.Expr)
	}
	return c.draw(con, walks, more)
}

// pick reads the dump to its end and keeps the walks of the flows that are wanted,
// up to the limit; more is how many it left out.
func (c *explainConfig) pick(ctx context.Context, dump monitor.Source, locals *monitor.Locals) (walks []monitor.Walk, more, total int, err error) {
	wanted := c.filter.Compiled()
	for b, err := range monitor.Batches(ctx, dump) {
		if err != nil {
			return nil, 0, 0, err
		}
		for i := range b.Events {
			e := &b.Events[i]
			if locals != nil {
				e.Flow.Path = locals.Path(&e.Flow)
			}
			total++
			switch {
			case wanted != nil && !wanted(e):
			case c.limit > 0 && len(walks) == c.limit:
				more++
			default:
				walks = append(walks, walkOf(e))
			}
		}
	}
	return walks, more, total, nil
}

// walkOf is the walk of a dumped flow, with its parent if it has one.
func walkOf(e *monitor.Event) monitor.Walk {
	w := monitor.NewWalk(&e.Flow)
	if e.Known()&monitor.AttrMaster != 0 {
		parent := e.Extra.Master
		w.Parent = &parent
	}
	return w
}

func (c *explainConfig) draw(con cli.Console, walks []monitor.Walk, more int) error {
	width, _ := cli.Terminal(con.Stdout)
	if c.width > 0 {
		width = c.width
	} else if width == 0 {
		width = 100
	}
	style := con.Style(con.Stdout)
	for i := range walks {
		if i > 0 {
			fmt.Fprintln(con.Stdout)
		}
		if _, err := io.WriteString(con.Stdout, walk.Render(walks[i], width, style)); err != nil {
			return err
		}
	}
	if more > 0 {
		fmt.Fprintf(con.Stderr, "natlens: %d more flows match; --limit 0 draws all\n", more)
	}
	return nil
}
