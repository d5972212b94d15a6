//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

type updateOptions struct {
	options
	labelAdd  string
	labelDel  string
	change    change
	keepGoing bool // no error if there is nothing to change
}

// NewUpdate returns the command update.
func NewUpdate(con cli.Console) *cobra.Command {
	o := updateOptions{options: newOptions(con)}
	cmd := &cobra.Command{
		Use:   "update [filter…] --mark MARK …",
		Short: "Change entries of the kernel's table",
		Long: `Change the entries that a filter selects. --mark, --timeout, --status, --state, --label-add and
--label-del are what to change. All other flags select entries. To select by a mark or state, use the words of a
filter. natlens counts the flows, shows the first ten and asks. With a mask, as in --mark 0x10/0xf0, only the bits of
the mask are replaced. Status bits can be set, but not cleared.`,
		Example: `  natlens update -s 192.168.77.2 --mark 0x10
  natlens update tcp dport 443 and mark 7 --mark 0 --yes
  natlens update udp --timeout 10 --label-add seen`,
		Args: o.words,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.labelAdd, "label-add", "", "add these `labels`, separated by commas")
	f.StringVar(&o.labelDel, "label-del", "", "remove these `labels`, separated by commas; without a value all")
	f.Lookup("label-del").NoOptDefVal = allLabels
	cli.MustComplete(cmd, "label-add", o.filter.CompleteLabels)
	cli.MustComplete(cmd, "label-del", o.filter.CompleteLabels)
	f.BoolVar(&o.keepGoing, "keep-going", false, "update nothing, if there is nothing to write")
	f.Lookup("keep-going").Hidden = true
	o.registerAction(cmd)
	return cmd
}

// allLabels is the value of --label-del without one: pflag needs one that is not empty.
const allLabels = "*"

// words separates the flags that change entries from those that select them.
func (o *updateOptions) words(cmd *cobra.Command, args []string) (err error) {
	if err := o.change.read(o.filter.Given, changing); err != nil {
		return err
	}
	if err := o.checkState(); err != nil {
		return err
	}
	o.filter.Given = slices.DeleteFunc(o.filter.Given, changes)
	if err := o.filter.Words(cmd, args); err != nil {
		return err
	}
	return o.readLabels()
}

// checkState rejects a state that the protocol of -p, or without -p any protocol, does not
// have.
func (o *updateOptions) checkState() error {
	proto, known, err := o.filter.Proto()
	switch {
	case err != nil, o.change.state == "":
		return err
	case known:
		return o.change.protocol(proto, new(kernel.Change))
	}
	if _, err := (filter.Env{}).FromFlags([]filter.FlagValue{{Name: "state", Value: o.change.state}}); err != nil {
		return cli.Usage(err)
	}
	return nil
}

func (o *updateOptions) readLabels() (err error) {
	c := &o.change
	switch {
	case o.labelAdd != "" && o.labelDel != "":
		return cli.Usagef("cannot use --label-add and --label-del at the same time")
	case o.labelAdd != "":
		c.Labels, err = labelBits("label-add", o.labelAdd, o.filter.LabelFile)
		c.Mask, c.always = c.Labels, true // conntrack(8) also counts a flow that has them already
	case o.labelDel == allLabels:
		c.Labels = make([]byte, 16)
	case o.labelDel != "":
		c.Labels = make([]byte, 16)
		c.Mask, err = labelBits("label-del", o.labelDel, o.filter.LabelFile)
	}
	return err
}

func (o *updateOptions) run(ctx context.Context) error {
	if err := o.start(); err != nil {
		return err
	}
	if o.change.empty() && !o.keepGoing {
		return cli.Usagef("update needs something to change: --mark, --timeout, --status, --state, --label-add or " +
			"--label-del")
	}
	if err := o.confirm.Check(o.con, "update"); err != nil {
		return err
	}
	if !o.confirm.Yes {
		targets, err := o.preview(ctx, "update", "updated")
		if err != nil || targets == nil {
			return err
		}
	}
	return o.flows.Capture.Service(func(s *kernel.Service) error {
		var now monitor.Batch
		n, err := o.act(o.wanted(ctx), func(b *monitor.Batch) (err error) {
			now.Reset()
			for i := range b.Events {
				if err = o.update(ctx, s, &b.Events[i], &now); err != nil {
					break
				}
			}
			b.Events = append(b.Events[:0], now.Events...)
			return err
		})
		if err != nil {
			return o.partly(n, "updated", err)
		}
		return o.done(n, "updated")
	})
}

// update changes one flow and reads it again into now. It skips a flow that already has the
// values, or has ended. If the kernel rejects the change of one flow, that is reported and
// counted, and the run continues.
func (o *updateOptions) update(ctx context.Context, s *kernel.Service, e *monitor.Event, now *monitor.Batch) error {
	what, err := o.change.of(e)
	if err != nil || what == nil {
		return err
	}
	switch err := s.Update(ctx, &e.Flow, what); {
	case errors.Is(err, kernel.ErrNoFlow):
		return nil
	case errors.Is(err, netns.ErrPrivilege), ctx.Err() != nil:
		return err
	case err != nil:
		fmt.Fprintf(o.con.Stderr, "natlens: %v\n", err)
		o.failed++
		return nil
	}
	before := len(now.Events)
	if err := s.Get(ctx, &e.Flow, now); err != nil && !errors.Is(err, kernel.ErrNoFlow) {
		return err
	}
	for i := before; i < len(now.Events); i++ { // the next request reuses the memory
		now.Events[i].Raw, now.Events[i].Extra = nil, now.Events[i].Extra.Clone()
	}
	return nil
}
