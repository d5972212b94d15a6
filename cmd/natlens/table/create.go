//go:build linux

package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
)

// createOptions is the command line of create. The flags of the filter describe the entry.
type createOptions struct {
	options
	labelAdd  string
	ifMissing bool
}

// NewCreate returns the command create.
func NewCreate(con cli.Console) *cobra.Command {
	o := createOptions{options: newOptions(con)}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an entry in the kernel's table by hand",
		Long: `Make an entry in the connection tracking table by hand, for tests and repairs. The flags of
conntrack(8) describe it: its tuple, its timeout, for TCP its state, and optionally mark, status, labels and zone.
You can omit one of the two directions or parts of it: natlens derives them from the other. --src-nat and --dst-nat
set the NAT of the flow.`,
		Example: `  natlens create -p 253 -s 192.0.2.1 -d 192.0.2.2 -t 60
  natlens create -p udp -s 192.168.77.2 -d 203.0.113.9 \
    --orig-port-src 5000 --orig-port-dst 53 \
    -t 60 -n 203.0.113.1`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.labelAdd, "label-add", "", "`labels` of the entry, separated by commas")
	f.BoolVar(&o.ifMissing, "if-missing", false, "no error if the flow already exists")
	cli.MustComplete(cmd, "label-add", o.filter.CompleteLabels)
	o.flows.Capture.RegisterNetNS(cmd)
	o.register(cmd)
	cmd.ValidArgsFunction = cobra.NoFileCompletions // no words of a filter
	return cmd
}

func (o *createOptions) run(ctx context.Context) error {
	flow, what, err := o.entry()
	if err != nil {
		return err
	}
	return o.flows.Capture.Service(func(s *kernel.Service) error {
		done, n := "created", uint64(1)
		if o.ifMissing {
			done = "added"
		}
		err := s.Create(ctx, &flow, what)
		switch {
		case errors.Is(err, kernel.ErrExists) && o.ifMissing:
			n = 0
		case errors.Is(err, kernel.ErrExists):
			return fmt.Errorf("%w: natlens update changes it", err)
		case err != nil:
			return err
		case what.Labels != nil:
			err = keptLabels(ctx, s, &flow)
		}
		if err == nil || n == 0 {
			cli.TellDone(o.con, o.summary, n, "flow", done)
			return nil
		}
		return err
	})
}

// keptLabels deletes a new flow if the kernel has dropped its labels, which it does without an
// error if no rule uses labels.
func keptLabels(ctx context.Context, s *kernel.Service, f *monitor.Flow) error {
	var b monitor.Batch
	if err := s.Get(ctx, f, &b); err != nil {
		return err
	}
	if len(b.Events) > 0 && b.Events[0].Has&monitor.AttrLabels != 0 {
		return nil
	}
	_, _, err := s.Delete(ctx, appendTargets(nil, &b), nil)
	return errors.Join(errors.New("--label-add: the kernel keeps no labels, because no rule here uses them; "+
		"nothing was created"), err)
}

// creating are the flags that set values of a new entry.
var creating = setters{
	"src-nat": func(c *change, v filter.FlagValue) (err error) { c.SrcNAT, err = natRange(v, c.family); return err },
	"dst-nat": func(c *change, v filter.FlagValue) (err error) { c.DstNAT, err = natRange(v, c.family); return err },
	"role": func(c *change, v filter.FlagValue) error {
		c.hasRole, c.role = true, 0
		if v.Value == "server" {
			c.role = 1
		}
		_, err := filter.Env{}.FromFlags([]filter.FlagValue{v})
		if err != nil {
			err = cli.Usage(err)
		}
		return err
	},
}

func (o *createOptions) entry() (f monitor.Flow, _ *kernel.Change, err error) {
	x, err := cli.ReadExact("create", o.filter.Env, o.filter.Given)
	if err != nil {
		return f, nil, err
	}
	if f, err = x.Flow(); err != nil {
		return f, nil, err
	}
	if err = x.Complete(&f); err != nil {
		return f, nil, err
	}
	used := slices.Concat(cli.ExactFlags, slices.Collect(maps.Keys(changing)), slices.Collect(maps.Keys(creating)))
	if err := cli.CheckFlags("create", o.filter.Given, used...); err != nil {
		return f, nil, err
	}
	c := change{family: f.Orig.Family}
	err = cmp.Or(c.read(o.filter.Given, changing), c.read(o.filter.Given, creating))
	switch isDCCP := x.Proto == monitor.DCCP; {
	case err != nil:
		return f, nil, err
	case c.Timeout == nil:
		return f, nil, cli.Usagef("create needs --timeout")
	case c.state == "" && x.Proto.HasState():
		return f, nil, cli.Usagef("create needs --state for protocol %s", x.Proto)
	case c.hasRole && !isDCCP:
		return f, nil, cli.Usagef("--role: protocol %s has no roles", x.Proto)
	case !c.hasRole && isDCCP:
		return f, nil, cli.Usagef("create needs --role for protocol %s: client or server, which is the role of the "+
			"original source", x.Proto)
	}
	if o.labelAdd != "" {
		if c.Labels, err = labelBits("label-add", o.labelAdd, o.filter.LabelFile); err != nil {
			return f, nil, err
		}
	}
	return f, &c.Change, c.protocol(x.Proto, &c.Change)
}
