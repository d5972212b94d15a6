//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// updateConfig is the command line of update.
type updateConfig struct {
	output    cli.OutputFlags // only as conntrack -U, which shows what it updated
	capture   cli.CaptureFlags
	filter    cli.FilterFlags
	confirm   cli.ConfirmFlags
	labelAdd  string
	labelDel  string
	change    change
	keepGoing bool // count a flow that the kernel refuses to change
	summary   bool // count in conntrack(8)'s words
}

func NewUpdate(con cli.Console) *cobra.Command {
	cfg := updateConfig{filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "update [filter…] --mark MARK …",
		Short: "Change entries of the kernel's table",
		Long: `Change the entries that a filter selects. Of the flags, --mark, --timeout, --status, --state and the labels say what
is written, all others what is selected; words of a filter select by marks and states too. It says how many flows are
selected, shows the first ten and asks. Of a mark with a mask, --mark 0x10/0xf0, the bits of the mask are replaced;
status bits are set, never cleared.`,
		Example: `  natlens update -s 192.168.77.2 --mark 0x10
  natlens update tcp dport 443 and mark 7 --mark 0 --yes
  natlens update udp --timeout 10 --label-add seen`,
		Args: cfg.Words,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cfg.run(cmd.Context(), cfg.filter.Named(con))
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.labelAdd, "label-add", "", "add these `labels`, with commas between")
	f.StringVar(&cfg.labelDel, "label-del", "", "take away these `labels`, with commas between; without a value all")
	f.Lookup("label-del").NoOptDefVal = allLabels
	cli.MustComplete(cmd, "label-add", cfg.filter.CompleteLabels)
	cli.MustComplete(cmd, "label-del", cfg.filter.CompleteLabels)
	cfg.confirm.Register(cmd)
	cli.RegisterFormat(cmd, &cfg.output.Format, "")
	f.Lookup("output-format").Hidden = true
	cli.RegisterSummary(cmd, &cfg.summary)
	f.BoolVar(&cfg.keepGoing, "keep-going", false, "count a flow that the kernel refuses to change")
	f.Lookup("keep-going").Hidden = true
	cfg.capture.RegisterNetNS(cmd)
	cfg.filter.Register(cmd)
	cfg.filter.RegisterLabelMap(cmd)
	return cmd
}

// allLabels stands for a --label-del without a value: pflag wants one that is
// not empty.
const allLabels = "*"

// Words reads the flags that change apart from those that select.
func (c *updateConfig) Words(cmd *cobra.Command, args []string) (err error) {
	if c.change, err = readChange(c.filter.Given); err != nil {
		return err
	}
	if err := c.knownState(); err != nil {
		return err
	}
	c.filter.Given = slices.DeleteFunc(c.filter.Given, func(v filter.FlagValue) bool {
		f, ok := filter.FlagByName(v.Name)
		return ok && slices.Contains(changeFlags, f.Name)
	})
	if err := c.filter.Words(cmd, args); err != nil {
		return err
	}
	return c.labels()
}

// knownState refuses a state that the protocol of -p has not, or none has: without
// -p each flow's own says what a state means.
func (c *updateConfig) knownState() error {
	proto, known, err := cli.GivenProto(c.filter.Given)
	switch {
	case err != nil, c.change.state == "":
		return err
	case known:
		return c.change.protocol(proto, new(kernel.Change))
	}
	if _, err := (filter.Env{}).FromFlags([]filter.FlagValue{{Name: "state", Value: c.change.state}}); err != nil {
		return cli.Usage(err)
	}
	return nil
}

// labels reads what becomes of labels.
func (c *updateConfig) labels() (err error) {
	switch {
	case c.labelAdd != "" && c.labelDel != "":
		return cli.Usagef("cannot use --label-add and --label-del at the same time")
	case c.labelAdd != "":
		c.change.labels, err = labelBits("label-add", c.labelAdd, c.filter.LabelFile)
		c.change.labelSet = c.change.labels
	case c.labelDel == allLabels:
		c.change.labels = make([]byte, 16)
	case c.labelDel != "":
		c.change.labels = make([]byte, 16)
		c.change.labelSet, err = labelBits("label-del", c.labelDel, c.filter.LabelFile)
	}
	return err
}

func (c *updateConfig) run(ctx context.Context, con cli.Console) error {
	if err := onlyFlows(&c.filter); err != nil {
		return err
	}
	switch {
	case c.change.empty() && !c.keepGoing:
		return cli.Usagef("update needs what to write: --mark, --timeout, --status, --state, --label-add or --label-del")
	default:
		if err := c.confirm.Check(con, "update"); err != nil {
			return err
		}
	}
	if err := c.output.Check(); err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, netns *os.File) error {
		dump := kernel.DumpConfig{NetNS: cli.NetnsFD(netns), Push: c.filter.Sel.Expr}
		if !c.confirm.Yes {
			if goOn, err := c.Ask(ctx, con, dump); !goOn || err != nil {
				return err
			}
		}
		n, err := c.updateShowing(ctx, con, s, dump, netns)
		if err != nil {
			return err
		}
		return toldEntries(con, c.summary, n, "updated")
	})
}

// updateShowing changes the flows, and shows each if there is a format to show it in.
func (c *updateConfig) updateShowing(ctx context.Context, con cli.Console, s *kernel.Service, dump kernel.DumpConfig, netns *os.File) (n int, err error) {
	if c.output.Format == "" {
		return c.updateAll(ctx, con, s, dump, nil)
	}
	out, err := c.output.Open(con, netns)
	if err != nil {
		return 0, err
	}
	n, err = c.updateAll(ctx, con, s, dump, out.Sink)
	return n, errors.Join(err, out.Close())
}

// Ask shows what would be changed and asks; goOn says whether it is to be done.
func (c *updateConfig) Ask(ctx context.Context, con cli.Console, dump kernel.DumpConfig) (goOn bool, err error) {
	targets, err := collect(ctx, con, dump, c.filter.Compiled(), true)
	switch {
	case err != nil:
		return false, err
	case len(targets) == 0:
		return false, errors.New("no flow matches: nothing to update")
	case c.confirm.DryRun:
		fmt.Fprintf(con.Stderr, "natlens: %s would be updated.\n", flowsText(len(targets)))
		return false, nil
	case !con.Ask(ctx, fmt.Sprintf("update %s?", flowsText(len(targets)))):
		return false, errors.New("nothing was updated")
	}
	return true, nil
}

// updateAll changes the flows of a dump that are wanted. A flow that is as it is
// to be already is passed over, as one that ends meanwhile is.
func (c *updateConfig) updateAll(ctx context.Context, con cli.Console, s *kernel.Service, cfg kernel.DumpConfig, show monitor.Sink) (n int, err error) {
	dump, err := kernel.DumpWith(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer dump.Close()
	wanted := c.filter.Compiled()
	var one monitor.Batch
	for b, err := range monitor.Batches(ctx, dump) {
		if err != nil {
			return n, err
		}
		if wanted != nil {
			b.Keep(wanted)
		}
		for i := range b.Events {
			did, err := c.updateOne(ctx, con, s, &b.Events[i], &one)
			if err != nil {
				return n, err
			}
			if !did {
				continue
			}
			n++
			if show != nil && len(one.Events) > 0 {
				if err := show.Write(&one); err != nil {
					return n, err
				}
			}
		}
	}
	return n, nil
}

// updateOne changes one flow, and reads into now how it stands then. conntrack(8)
// adds labels to a flow that has them, and counts it. What the
// kernel refuses for one flow is told, and does not end the run.
func (c *updateConfig) updateOne(ctx context.Context, con cli.Console, s *kernel.Service, e *monitor.Event, now *monitor.Batch) (did bool, err error) {
	what, err := c.change.of(e, c.keepGoing && c.labelAdd != "")
	if err != nil || what == nil {
		return false, err
	}
	err = s.Update(ctx, &e.Flow, what)
	switch {
	case errors.Is(err, kernel.ErrNoFlow):
		return false, nil
	case errors.Is(err, netns.ErrPrivilege), ctx.Err() != nil:
		return false, err
	case err != nil:
		fmt.Fprintf(con.Stderr, "natlens: %v\n", err)
		if !c.keepGoing {
			return false, nil
		}
	}
	now.Reset()
	switch err := s.Get(ctx, &e.Flow, now); {
	case errors.Is(err, kernel.ErrNoFlow):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}

// empty reports whether nothing is to be written.
func (c *change) empty() bool {
	return c.timeout == nil && c.status == nil && c.mark == nil && c.state == "" && c.vtags == [2]*uint32{} && c.labels == nil
}

// of returns what is to be written into the entry of a flow, nil if it is so
// already and is not to be written always.
func (c *change) of(e *monitor.Event, always bool) (*kernel.Change, error) {
	f, out, differs := &e.Flow, &kernel.Change{}, always
	if c.timeout != nil {
		out.Timeout = c.timeout
		differs = differs || *c.timeout != f.Timeout
	}
	if c.mark != nil {
		mark := f.Mark&^c.markMask ^ *c.mark
		out.Mark = &mark
		differs = differs || mark != f.Mark
	}
	if c.status != nil {
		status := f.Status | *c.status
		out.Status = &status
		differs = differs || status != f.Status
	}
	if c.labels != nil {
		out.Labels, out.Mask = c.labels, c.labelSet
		differs = differs || c.changesLabels(e)
	}
	if c.state != "" || c.vtags != [2]*uint32{} {
		differs = true
		if err := c.withOwnOf(e).protocol(f.Orig.Proto, out); err != nil {
			return nil, err
		}
	}
	if !differs {
		return nil, nil
	}
	return out, nil
}

// changesLabels reports whether labels of a flow are other ones afterwards.
func (c *change) changesLabels(e *monitor.Event) bool {
	have := make([]byte, 16)
	if e.Has&monitor.AttrLabels != 0 {
		have = e.Extra.Labels
	}
	for i := range have {
		mask := byte(0xff)
		if c.labelSet != nil {
			mask = c.labelSet[i]
		}
		if have[i]&mask != c.labels[i] {
			return true
		}
	}
	return false
}

// withOwnOf returns the change with the verification tags of an SCTP flow where it
// has none of its own, and with its state, or with the role of a DCCP flow: the
// kernel wants them together.
func (c *change) withOwnOf(e *monitor.Event) *change {
	with := *c
	switch e.Flow.Orig.Proto {
	case monitor.SCTP:
	case monitor.DCCP:
		if e.Has&monitor.AttrDCCPRole != 0 {
			with.role = e.Extra.DCCPRole
		}
		return &with
	default:
		return c
	}
	if with.state == "" {
		with.state = e.Flow.State.Name(monitor.SCTP)
	}
	if with.vtags[0] == nil && e.Has&monitor.AttrVTagOrig != 0 {
		with.vtags[0] = &e.Extra.VTagOrig
	}
	if with.vtags[1] == nil && e.Has&monitor.AttrVTagReply != 0 {
		with.vtags[1] = &e.Extra.VTagReply
	}
	return &with
}
