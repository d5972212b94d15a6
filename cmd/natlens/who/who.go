// Package who has the commands that search translations: who, and history export.
package who

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/translation"
)

// options are the command line of who.
type options struct {
	con    cli.Console
	addr   string
	inside string
	peer   string
	proto  string
	times  times
	netns  string
	format string
	limit  uint

	live       bool
	dir        string
	recordings []string
	gateway    monitor.Gateway

	at Scope // whose table --live means without --netns

	whyEmpty func(context.Context) // notes why the table that was searched is empty, if it is; nil: no table was
}

// Scope is what the page Who of the UI searches.
type Scope struct {
	Dir        string   // the history that the run writes; "": the default one, or the table
	NetNS      string   // path of the network namespace of the table; "": the caller's own
	Called     string   // name of the namespace for the user; "": this host
	Table      bool     // the default history belongs to another host: search the table
	Recordings []string // the recordings that are played; nil: the kernel's events
}

// New returns the command who.
func New(con cli.Console) *cobra.Command {
	o := options{con: con}
	cmd := &cobra.Command{
		Use:   "who ADDR[:PORT] [flags]",
		Short: "Find who held a translated address and port, and when",
		Long: `Find which host behind the gateway held a public address and port: from when to when, towards which peer,
and how certain that is. --inside finds the reverse: the public addresses and ports that a host held.

natlens searches the history that natlens record --history keeps. With --from it searches a recording. With --live, or
if there is no history and you give no time, it searches the kernel's table.

A time covers its whole unit: 14:32 is a minute, 14:32:15 a second. Times without a zone are local. The exit code is 0
if a host was found. It is 1 if none was found, or if there is no data for that time; the answer says which.`,
		Example: `  natlens who 203.0.113.7:32768 --proto tcp --at 14:32:15
  natlens who 203.0.113.7:32768 --since 2026-11-21T22:00:00Z --until -1h
  natlens who --inside 10.0.0.5 --since -2h --dst 192.0.2.80:443
  natlens who 203.0.113.7:32768 --netns blue --at -10m
  natlens who 203.0.113.7:32768 --from flows.pcapng -o jsonl`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Usagef("who takes one ADDR[:PORT], not %s as well", args[1])
			}
			if len(args) == 1 {
				o.addr = args[0]
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), &o) },
	}
	o.register(cmd)
	return cmd
}

func (o *options) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.inside, "inside", "", "what the host with this `ADDR[:PORT]` held")
	f.StringVar(&o.peer, "dst", "", "only flows to the peer `ADDR[:PORT]`")
	f.StringVarP(&o.proto, "proto", "p", "", "only this `protocol`, by name or number; for ICMP, PORT is the id")
	o.times.register(cmd)
	cli.Word(f, &o.format, "output-format", "o", "`format`: %s (default pretty)", "pretty", "json", "jsonl")
	f.UintVar(&o.limit, "limit", 0, "end after `N` translations; 0: no limit")
	cli.InGroup(f, cli.GroupOutput, "output-format")
	cli.RegisterGateway(cmd, &o.gateway)
	if history.Supported {
		f.StringVar(&o.dir, "history", "", "search the history in this `directory` (default "+defaultHistory+")")
	}
	f.StringArrayVar(&o.recordings, "from", nil, "search this recording instead: a `file` of JSON lines or a netlink "+
		"capture, plain or compressed; - for standard input; may be repeated")
	f.BoolVar(&o.live, "live", false, "search the kernel's table instead")
	f.StringVar(&o.netns, "netns", "", "only this network `namespace`: its name in the history or recording; "+
		"for the kernel's table its name, path or process id; all: every namespace")
	cli.MustComplete(cmd, "netns", cli.CompleteNetNS)
	proto, _ := filter.FlagByName("proto")
	cli.MustComplete(cmd, "proto", cli.OneOf(proto.Words...))
}

// run executes the command. It returns an error if no host was found.
func run(ctx context.Context, o *options) error {
	v, err := o.answer(ctx, o.printer)
	if err != nil {
		return err
	}
	for _, fault := range v.Result.Faults {
		fmt.Fprintf(o.con.Stderr, "natlens: %s\n", cli.OneLine(fault))
	}
	if v.Result.Answers == 0 && o.whyEmpty != nil {
		o.whyEmpty(ctx)
	}
	if v.Word != translation.Found {
		return cli.ErrSilent
	}
	return nil
}

// printer prints answers, and at the end the verdict.
type printer interface {
	add(*translation.Answer) error
	end(v *translation.Verdict, hint string) error
}

// printer returns the printer of -o. place is the name of what is searched.
func (o *options) printer(place string) printer {
	if o.format == "json" || o.format == "jsonl" {
		return &jsonPrinter{w: o.con.Stdout, lines: o.format == "jsonl", gateway: o.gateway}
	}
	return newText(o, place)
}

// answer searches and prints. newPrinter gets the name of the place.
func (o *options) answer(ctx context.Context, newPrinter func(string) printer) (*translation.Verdict, error) {
	q, err := o.query()
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	place, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := o.times.read(place, &q); err != nil {
		return nil, err
	}
	if !o.live && o.netns != cli.EveryNetNS {
		q.Namespace = o.netns
	}
	out := newPrinter(place.name)
	res, err := place.find(ctx, q, out.add)
	if err != nil {
		return nil, err
	}
	v := translation.Decide(q, res)
	hint, err := o.hint(ctx, place, &v)
	if err != nil {
		return nil, err
	}
	return &v, out.end(&v, hint)
}

// hint returns a hint for a user who searched an inside address as if it were an outside one.
func (o *options) hint(ctx context.Context, p *place, v *translation.Verdict) (string, error) {
	if v.Result.Answers > 0 || v.Query.Outside.Any() || !v.Query.Inside.Any() || slices.Contains(o.recordings, "-") {
		return "", nil
	}
	q := v.Query
	q.Inside, q.Outside, q.Limit = q.Outside, translation.End{}, 1
	res, err := p.find(ctx, q, func(*translation.Answer) error { return nil })
	if err != nil || res.Answers == 0 {
		return "", err
	}
	const text = "%s is an inside address. To see what it held: natlens who --inside %s"
	return fmt.Sprintf(text, v.Query.Outside, v.Query.Outside), nil
}

// check rejects flags that exclude each other.
func (o *options) check() error {
	history, recording := o.dir != "", len(o.recordings) > 0
	switch {
	case o.live && (history || recording), history && recording:
		return cli.Usagef("use only one of --history, --from and --live")
	case o.live && o.times.given():
		return cli.Usagef("--live searches the table as it is now: --at, --since and --until need a history or a " +
			"recording")
	}
	return o.times.check()
}

// open opens the place to search. The default is the history; if it does not exist and there
// are no times, it is the table.
func (o *options) open(ctx context.Context) (*place, error) {
	if len(o.recordings) > 0 {
		return openRecordings(ctx, o.con, o.recordings)
	}
	if o.live {
		return o.openTable()
	}
	p, err := openHistory(cmp.Or(o.dir, defaultHistory))
	if o.dir == "" && !o.times.given() && (errors.Is(err, errNoHistory) || errors.Is(err, history.ErrUnsupported)) {
		o.live = true
		return o.openTable()
	}
	return p, err
}
