//go:build linux

// Package trace is the command that shows which rules of nf_tables packets match.
package trace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
	"natlens/monitor/trace"
)

// options is the command line.
type options struct {
	con     cli.Console
	capture cli.CaptureFlags
	filter  cli.FilterFlags
	format  string
	rate    string
	end     cli.EndFlags
}

// New returns the command.
func New(con cli.Console) *cobra.Command {
	o := options{con: con, filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "trace [filter…]",
		Short: "Show which rules of nf_tables a packet meets, and which one drops or rewrites it",
		Long: `Show the way of packets through the chains of nf_tables: each rule that matches them, its verdict, what
NAT makes of the addresses, and the flow that they belong to. A packet that is dropped is shown too, although it makes
no flow.

The filter compares each packet as it arrives, before NAT: its family, protocol, addresses and ports. A reply arrives
before NAT is undone: after SNAT its destination is the public address. To trace both directions, select by the end
that NAT does not rewrite, with host and port.

To mark packets, trace adds a table of its own to nf_tables, which the kernel removes when natlens ends. It changes no
other table. Each traced packet costs the kernel time: --rate limits how many are traced.

The rules of iptables-nft are shown as nft has them. iptables-legacy does not use nf_tables: its rules are not shown,
and trace prints which of its tables are loaded.
The text of a rule comes from nft(8); without it, a rule has its table, chain, handle and comment.`,
		Example: `  natlens trace tcp dport 8080
  natlens trace --limit 1 src 192.168.77.2 and udp dport 53
  natlens trace host 203.0.113.9 and tcp port 443
  natlens trace --rate 100/s --for 10s -o jsonl icmp`,
		Args: o.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.rate, "rate", "10/s", "trace at most `N/unit` packets, such as 10/s, 100/m or 1/h")
	o.end.Register(cmd, "packets")
	f.StringVarP(&o.format, "output-format", "o", "", "`format`: pretty or jsonl (default pretty)")
	cli.InGroup(f, cli.GroupOutput, "output-format")
	cli.MustComplete(cmd, "output-format", cli.OneOf("pretty", "jsonl"))
	o.capture.RegisterNetNS(cmd)
	o.filter.RegisterWords(cmd)
	return cmd
}

func (o *options) run(ctx context.Context) error {
	rate, err := ParseRate(o.rate)
	if err != nil {
		return err
	}
	print := map[string]func(*packet) string{"": o.pretty, "pretty": o.pretty, "jsonl": jsonLine}[o.format]
	if print == nil {
		return cli.Usagef("-o %s: must be pretty or jsonl", o.format)
	}
	return Packets(o.con, "trace", &o.capture, trace.Config{Wanted: o.filter.Sel.Expr, Rate: rate},
		func(t *trace.Tracer, flows *kernel.Service, _ int) error {
			ctx, cancel := o.end.Context(ctx)
			defer cancel()
			shown := uint64(0)
			err := t.Run(ctx, func(p *trace.Packet) error {
				if _, err := io.WriteString(o.con.Stdout, print(found(ctx, flows, p))); err != nil {
					return err
				}
				if shown++; shown == o.end.Limit {
					return trace.ErrDone
				}
				return nil
			})
			text := "natlens: " + human.Plural(shown, "packet") + " traced"
			if t.Lost > 0 {
				text += fmt.Sprintf("; messages were lost %d times: packets may be incomplete", t.Lost)
			}
			fmt.Fprintln(o.con.Stderr, text)
			return err
		})
}

// Packets traces packets in the network namespace that --netns names. It prints what the user
// should know of that, and calls f with the tracer, requests to the namespace's table of flows,
// and the namespace's descriptor.
func Packets(con cli.Console, command string, at *cli.CaptureFlags, cfg trace.Config,
	f func(*trace.Tracer, *kernel.Service, int) error) error {
	return at.In(func(fd int) error {
		cfg.NetNS = fd
		t, err := trace.Open(cfg)
		if wrong, ok := errors.AsType[trace.FilterError](err); ok {
			return cli.Usagef("filter: %w", wrong)
		} else if err != nil {
			return err
		}
		defer t.Close()
		for _, note := range t.Notes() {
			fmt.Fprintf(con.Stderr, "natlens: %s: %s\n", command, note)
		}
		flows, err := kernel.OpenService(fd)
		if err != nil {
			return err
		}
		defer flows.Close()
		return f(t, flows, fd)
	})
}

// ParseRate reads 10/s, 10/second, 100/m, 1/h.
func ParseRate(text string) (r trace.Rate, err error) {
	count, unit, _ := strings.Cut(text, "/")
	r.Packets, err = strconv.ParseUint(count, 10, 32)
	for name, per := range map[string]time.Duration{"second": time.Second, "minute": time.Minute, "hour": time.Hour} {
		if unit != "" && strings.HasPrefix(name, unit) {
			r.Per = per
		}
	}
	if err != nil || r.Packets == 0 || r.Per == 0 {
		return r, cli.Usagef("--rate %s: must be a number of packets in a second, minute or hour, such as 10/s, "+
			"100/m or 1/h", text)
	}
	return r, nil
}
