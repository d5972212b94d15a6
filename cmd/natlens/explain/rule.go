//go:build linux

package explain

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	tracecmd "natlens/cmd/natlens/trace"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
	"natlens/monitor/trace"
)

// ruleFlags are the flags --rule and --for.
type ruleFlags struct {
	given bool
	wait  time.Duration // how long to wait for new flows; 0: use the flows in the table
}

func (r *ruleFlags) register(cmd *cobra.Command) {
	cmd.Long += `

With --rule each hook shows the rules and policies of nf_tables that decided. For flows in the table natlens evaluates
the rules as they are now for the flow's first packet. A rule is exact if every condition is known to match or not, and
probable otherwise. With --for it instead waits for new flows that match the filter, traces their first packets, and
draws each with the rules that it met, also if it is dropped. To mark packets it adds a table of its own for that time;
see natlens trace.`
	cmd.Example += `
  natlens explain --rule dnat
  natlens explain --rule --for 30s --limit 1 tcp dport 8080`
	f := cmd.Flags()
	f.BoolVar(&r.given, "rule", false, "show which rule of nf_tables decided at each hook")
	f.DurationVar(&r.wait, "for", 0, "with --rule: wait for new flows for this `time`, such as 30s, and trace them")
}

func (r *ruleFlags) check(flows *cli.FlowFlags) error {
	switch {
	case r.wait < 0:
		return cli.Usagef("--for %s: must not be negative", r.wait)
	case r.wait > 0 && !r.given:
		return cli.Usagef("--for needs --rule")
	case r.given && flows.From.Given():
		return cli.Usagef("--rule: a recording has no rules; leave out --from and --at")
	case r.given && flows.Capture.Every():
		return cli.Usagef("--rule needs one network namespace: --netns all is not possible")
	}
	return nil
}

// decide adds the rules that decided to the walks of flows in the table.
func (o *options) decide(walks []monitor.Walk) error {
	return o.flows.Capture.In(func(fd int) error {
		rules, err := trace.ReadRules(fd)
		if err != nil {
			return err
		}
		for i := range walks {
			walks[i].Decide(rules.Decisions(&walks[i]))
		}
		return nil
	})
}

// rate limits how many packets are traced. Packets of flows that began earlier count too.
var rate = trace.Rate{Packets: 100, Per: time.Second}

// follow traces the first packets of new flows for the time of --for, and draws at most --limit walks. It returns an
// error if no packet began a flow.
func (o *options) follow(ctx context.Context) error {
	drawn := 0
	draw := func(w monitor.Walk) error {
		if drawn > 0 {
			fmt.Fprintln(o.con.Stdout)
		}
		err := o.drawOne(w)
		if drawn++; drawn == o.limit && err == nil {
			err = trace.ErrDone
		}
		return err
	}
	cfg := trace.Config{Wanted: o.filter.Sel.Expr, Rate: rate, Loops: true}
	err := tracecmd.Packets(o.con, "explain", &o.flows.Capture, cfg,
		func(t *trace.Tracer, flows *kernel.Service, fd int) error {
			locals, err := netns.Locals(fd)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, o.rule.wait)
			defer cancel()
			var first firsts
			err = t.Run(ctx, func(p *trace.Packet) error {
				if w := first.walk(p, func() monitor.Walk { return p.Walk(ctx, flows, locals) }); w != nil {
					return draw(*w)
				}
				return nil
			})
			if first.may > 0 {
				fmt.Fprintf(o.con.Stderr, "natlens: explain: %s may have begun earlier: before Linux 6.16 the kernel "+
					"does not report the flow of a packet\n", human.Plural(first.may, "flow"))
			}
			return err
		})
	if drawn == 0 && err == nil {
		err = fmt.Errorf("explain: no packet began a flow in %s", o.rule.wait)
	}
	return err
}

// firsts finds the packets that begin a flow. The zero value is ready to use.
type firsts struct {
	seen map[monitor.Tuple]bool // the packets without a flow id that began a flow
	may  int                    // how many drawn flows may have begun earlier: the kernel reports no flow ids
}

// maxSeen is the maximum number of remembered packets. When it is reached, all are forgotten.
const maxSeen = 100_000

// again reports whether the packet has no flow id and does not begin a flow: an earlier packet
// had its addresses, or it is a TCP packet without SYN that no rule drops. Untracked packets have
// no flow id, and before Linux 6.16 no packet has one.
func (l *firsts) again(p *trace.Packet) bool {
	if p.Flow.ID != 0 {
		return false
	}
	const syn = 0x02
	tuple := p.First.Tuple()
	if l.seen[tuple] || p.First.Proto == monitor.TCP && p.First.Flags&syn == 0 && p.Dropped() == nil {
		return true
	}
	if l.seen == nil || len(l.seen) >= maxSeen {
		l.seen = map[monitor.Tuple]bool{}
	}
	l.seen[tuple] = true
	return false
}

// walk returns the walk of a flow if the packet begins it, or nil. It calls of only for such a
// packet.
func (l *firsts) walk(p *trace.Packet, of func() monitor.Walk) *monitor.Walk {
	if !p.Begins() || l.again(p) {
		return nil
	}
	w := of()
	if p.Flow.ID == 0 && !w.Untracked && p.First.Proto != monitor.TCP {
		l.may++
	}
	if w.Untracked && len(p.Decisions()) == 0 {
		return nil // no rule and no flow, such as neighbour discovery
	}
	return &w
}
