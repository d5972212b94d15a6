// Package explain is the command that draws the way of a flow's packets through the hooks.
package explain

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
	"natlens/tui/walk"
)

type options struct {
	con    cli.Console
	flows  cli.FlowFlags
	filter cli.FilterFlags
	rule   ruleFlags
	limit  int
	width  int
}

// New returns the command.
func New(con cli.Console) *cobra.Command {
	o := options{con: con, filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "explain [filter…]",
		Short: "Draw the way of a flow's packets through the netfilter hooks",
		Long: `Draw the way of the packets of the selected flows through this host, in both directions: where
conntrack looks them up, and which hook rewrites what. The filter selects flows that are in the kernel's table now.`,
		Example: `  natlens explain tcp dport 443 and src 192.168.77.2
  natlens explain id 1561741433`,
		Args: o.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.IntVar(&o.limit, "limit", 10, "draw at most `N` flows, and report how many more there are; 0: all")
	f.IntVar(&o.width, "width", 0, "width of the drawing in `columns` (default that of the terminal, else 100)")
	o.rule.register(cmd)
	o.flows.Register(cmd)
	o.filter.Register(cmd)
	o.filter.RegisterLabelMap(cmd)
	return cmd
}

func (o *options) run(cmd *cobra.Command) error {
	switch {
	case o.limit < 0:
		return cli.Usagef("--limit %d: must not be negative", o.limit)
	case o.width < 0:
		return cli.Usagef("--width %d: must not be negative", o.width)
	}
	if err := o.rule.check(&o.flows); err != nil {
		return err
	}
	var err error
	if o.con, err = o.filter.Open(o.con); err != nil {
		return err
	}
	if o.rule.wait > 0 {
		return o.follow(cmd.Context())
	}
	flows, names, err := o.flows.Flows(cmd, o.con, kernel.DumpConfig{})
	if err != nil {
		return err
	}
	o.filter.Env.Namespaces = names
	walks, more, total, err := o.pick(flows)
	switch {
	case err != nil:
		return err
	case total == 0 && o.flows.From.Given():
		return errors.New("explain: no flow of the recording existed at that time")
	case total == 0:
		o.flows.Capture.WhyEmpty(cmd.Context(), o.con)
		return errors.New("explain: no flow is tracked")
	case len(walks) == 0:
		return fmt.Errorf("explain: none of the %d flows in the table matches %s", total, o.filter.Sel.Expr)
	}
	if o.rule.given {
		if err := o.decide(walks); err != nil {
			return err
		}
	}
	return o.draw(walks, more)
}

// pick returns the walks of the matching flows, up to the limit; more is how many it left out.
func (o *options) pick(flows iter.Seq2[*monitor.Batch, error]) (walks []monitor.Walk, more, total int, err error) {
	wanted := o.filter.Compiled()
	for b, err := range flows {
		if err != nil {
			return nil, 0, 0, err
		}
		for i := range b.Events {
			e := &b.Events[i]
			total++
			switch {
			case wanted != nil && !wanted(e):
			case o.limit > 0 && len(walks) == o.limit:
				more++
			default:
				walks = append(walks, walkOf(e))
			}
		}
	}
	return walks, more, total, nil
}

// walkOf returns the walk of a flow, with its master if it has one.
func walkOf(e *monitor.Event) monitor.Walk {
	w := monitor.NewWalk(&e.Flow)
	if e.Known()&monitor.AttrMaster != 0 {
		master := e.Extra.Master
		w.Master = &master
	}
	return w
}

func (o *options) draw(walks []monitor.Walk, more int) error {
	for i := range walks {
		if i > 0 {
			fmt.Fprintln(o.con.Stdout)
		}
		if err := o.drawOne(walks[i]); err != nil {
			return err
		}
	}
	if more > 0 {
		fmt.Fprintf(o.con.Stderr, "natlens: %s; --limit 0 draws all\n", human.Plural(more, "more matching flow"))
	}
	return nil
}

func (o *options) drawOne(w monitor.Walk) error {
	width, _ := cli.Terminal(o.con.Stdout)
	if o.width > 0 {
		width = o.width
	} else if width == 0 {
		width = 100
	}
	_, err := io.WriteString(o.con.Stdout, walk.Render(w, width, o.con.Style(o.con.Stdout)))
	return err
}
