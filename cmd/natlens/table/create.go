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
)

// createConfig is the command line of create.
type createConfig struct {
	capture   cli.CaptureFlags
	filter    cli.FilterFlags // its flags alone: here they say what the entry is
	labelAdd  string
	ifMissing bool
	summary   bool // count in conntrack(8)'s words
}

func NewCreate(con cli.Console) *cobra.Command {
	cfg := createConfig{filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "create flags",
		Short: "Make an entry in the kernel's table by hand",
		Long: `Make an entry in the connection tracking table by hand, for tests and repairs. The flags of conntrack(8) say what
it is: its tuple, its timeout, for TCP its state, and perhaps mark, status and zone. Of the two directions one may be left
out, or parts of it: they are the other one turned round. --src-nat and --dst-nat rewrite it.`,
		Example: `  natlens create -p 253 -s 192.0.2.1 -d 192.0.2.2 -t 60
  natlens create -p udp -s 192.168.77.2 -d 203.0.113.9 \
    --orig-port-src 5000 --orig-port-dst 53 \
    -t 60 -n 203.0.113.1`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cfg.run(cmd.Context(), cfg.filter.Named(con))
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.labelAdd, "label-add", "", "`labels` of the entry, with commas between")
	f.BoolVar(&cfg.ifMissing, "if-missing", false, "it is no error if the flow exists already")
	cli.MustComplete(cmd, "label-add", cfg.filter.CompleteLabels)
	cli.RegisterSummary(cmd, &cfg.summary)
	cfg.capture.RegisterNetNS(cmd)
	cfg.filter.Register(cmd)
	cfg.filter.RegisterLabelMap(cmd)
	cmd.ValidArgsFunction = cobra.NoFileCompletions // it takes no words of a filter
	return cmd
}

// createFlags are the filter flags that say something of a new entry.
var createFlags = slices.Concat([]string{"src-nat", "dst-nat", "role"}, cli.ExactFlags, changeFlags)

func (c *createConfig) run(ctx context.Context, con cli.Console) error {
	flow, what, err := c.entry()
	if err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, _ *os.File) error {
		done, n := "created", uint64(1)
		if c.ifMissing {
			done = "added"
		}
		err := s.Create(ctx, &flow, &what)
		switch {
		case errors.Is(err, kernel.ErrExists) && c.ifMissing:
			n = 0
		case errors.Is(err, kernel.ErrExists):
			return fmt.Errorf("%w: natlens update changes it", err)
		case err != nil:
			return err
		}
		cli.TellDone(con, c.summary, n, "flow", done)
		return nil
	})
}

// entry reads what is to be made.
func (c *createConfig) entry() (f monitor.Flow, out kernel.Change, err error) {
	x, err := cli.ReadExact("create", c.filter.Env, c.filter.Given)
	if err != nil {
		return f, out, err
	}
	if f, err = x.Flow(); err != nil {
		return f, out, err
	}
	if err = x.Complete(&f); err != nil {
		return f, out, err
	}
	ch, err := readChange(c.filter.Given)
	if err != nil {
		return f, out, err
	}
	if ch.timeout == nil {
		return f, out, cli.Usagef("create needs --timeout")
	}
	if ch.state == "" && x.Proto.HasState() {
		return f, out, cli.Usagef("create needs --state for protocol %s", x.Proto)
	}
	if err = c.connected(x.Proto, &ch); err != nil {
		return f, out, err
	}
	out.Timeout, out.Status, out.Mark = ch.timeout, ch.status, ch.mark
	if err = ch.protocol(x.Proto, &out); err != nil {
		return f, out, err
	}
	if c.labelAdd != "" {
		if out.Labels, err = labelBits("label-add", c.labelAdd, c.filter.LabelFile); err != nil {
			return f, out, err
		}
	}
	return f, out, c.rewrites(&out)
}

// connected reads the role of a DCCP connection.
func (c *createConfig) connected(p monitor.Proto, ch *change) error {
	role := ""
	for _, v := range c.filter.Given {
		if v.Name != "role" {
			continue
		}
		if _, err := c.filter.Env.FromFlags([]filter.FlagValue{v}); err != nil {
			return cli.Usage(err)
		}
		role = v.Value
	}
	switch {
	case role != "" && p != monitor.DCCP:
		return cli.Usagef("--role: protocol %s has no roles", p)
	case role == "" && p == monitor.DCCP:
		return cli.Usagef("create needs --role for protocol %s: client or server, which of them the original source is", p)
	case role == "server":
		ch.role = 1
	}
	return nil
}

// rewrites reads -n and -g, and refuses the flags that say nothing of an entry.
func (c *createConfig) rewrites(out *kernel.Change) (err error) {
	for _, v := range c.filter.Given {
		def, ok := filter.FlagByName(v.Name)
		if !ok {
			continue
		}
		switch def.Name {
		case "src-nat":
			out.SrcNAT, err = natRange(v)
		case "dst-nat":
			out.DstNAT, err = natRange(v)
		default:
			err = cli.Allowed("create", def.Name, createFlags)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
