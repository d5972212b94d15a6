package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
)

// whoConfig is the command line of who.
type whoConfig struct {
	addr    string
	inside  string
	dst     string
	proto   string
	moments whoMoments
	netns   string
	own     string // whose table it is where netns does not say
	called  string // how own is called; "" if it is a name itself
	format  string
	limit   int

	live       bool
	dir        string
	recordings []string
}

func newWho(con cli.Console) *cobra.Command {
	var cfg whoConfig
	cmd := &cobra.Command{
		Use:   "who ADDR[:PORT] [flags]",
		Short: "Tell who held a translated address and port, and when",
		Long: `Tell which host behind the gateway held an address and port, from when to when and towards whom, and whether gaps of
the capture make that uncertain. --inside asks the other way round: what did this host hold?

It looks into the history that natlens record --history keeps; with --recording into recordings; with --live, or where
there is no history, into the kernel's table as it is now.

A moment is as long as it is written: 14:32 is a minute, 14:32:15 a second. Times without a zone are local. The exit
code is 0 if somebody was found, and 1 if nobody was or the time is not covered; the answer says which.`,
		Example: `  natlens who 203.0.113.7:32768 --proto tcp --at 14:32:15
  natlens who 203.0.113.7:32768 --from 2026-11-21T22:00:00Z --to -1h
  natlens who --inside 10.0.0.5 --from -2h --dst 192.0.2.80:443
  natlens who 203.0.113.7:32768 --netns blue --at -10m
  natlens who 203.0.113.7:32768 --recording flows.pcapng -o jsonl`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Usagef("who asks for one ADDR[:PORT], not for %s as well", monitor.Escape(args[1]))
			}
			if len(args) == 1 {
				cfg.addr = args[0]
			}
			return nil
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cfg.run(cmd, con) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cfg.Register(cmd)
	return cmd
}

func (c *whoConfig) Register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.inside, "inside", "", "what this host held: its own `ADDR[:PORT]`")
	f.StringVar(&c.dst, "dst", "", "only towards this `ADDR[:PORT]`")
	f.StringVarP(&c.proto, "proto", "p", "", "only this `protocol`, by name or number; of ICMP the id is the port")
	c.moments.Register(cmd)
	f.StringVarP(&c.format, "output-format", "o", "", "`format`: pretty or jsonl (default pretty)")
	f.IntVar(&c.limit, "limit", 0, "end after `N` translations; 0: all")
	cli.InGroup(f, cli.GroupOutput, "output-format", "limit")
	f.StringVar(&c.dir, "history", "", "the history in this `directory` (default "+defaultHistory+")")
	f.StringArrayVar(&c.recordings, "recording", nil, "look into this `file` instead: JSON lines or a netlink capture, plain or packed; again for one that follows")
	f.BoolVar(&c.live, "live", false, "look into the kernel's table instead: who holds it now")
	f.StringVar(&c.netns, "netns", "", "only this network `namespace`: in a history or recording by the name that it has there, of tables the one by name, path or process id")
	cli.MustComplete(cmd, "netns", cli.CompleteNetNS)
	cli.MustComplete(cmd, "output-format", cli.OneOf("pretty", "jsonl"))
	cli.MustComplete(cmd, "proto", cli.OneOf(protoWords()...))
	cli.MustComplete(cmd, "history", cli.CompleteDir)
	for _, name := range []string{"inside", "dst", "limit"} {
		cli.MustComplete(cmd, name, cobra.NoFileCompletions)
	}
}

// ledger is where who looks: a history, a recording or the live table.
type ledger interface {
	// span tells from when to when it knows, both 0 if it knows nothing, and
	// from when moments such as -2h are reckoned.
	span(ctx context.Context) (from, to, now monitor.Time, err error)

	// find calls each for every translation that the query asks for. Each ends
	// the search with history.ErrStop.
	find(ctx context.Context, q history.Query, each func(*history.Answer) error) (history.Result, error)

	// name says what it is, for people.
	name() string

	Close() error
}

func (c *whoConfig) run(cmd *cobra.Command, con cli.Console) error {
	said, err := c.answer(cmd.Context(), con, func(name string) (whoPrinter, error) { return c.printer(con, name) })
	if err != nil {
		return err
	}
	for _, fault := range said.res.Faults {
		fmt.Fprintf(con.Stderr, "natlens: %s\n", cli.OneLine(fault))
	}
	if said.word() != "found" {
		return cli.ErrSilent
	}
	return nil
}

// answer looks for what the flags ask for, and hands it to a printer; name
// is where it looked.
func (c *whoConfig) answer(ctx context.Context, con cli.Console, printer func(name string) (whoPrinter, error)) (*verdict, error) {
	q, err := c.query()
	if err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	book, err := c.Open(ctx, con)
	if err != nil {
		return nil, err
	}
	defer book.Close()
	ended, err := c.moments.read(ctx, book, &q)
	if err != nil {
		return nil, err
	}
	out, err := printer(book.name())
	if err != nil {
		return nil, err
	}
	_, live := book.(*liveLedger)
	if !live {
		q.Namespace = c.netns
	}
	late := 0
	res, err := book.find(ctx, q, func(a *history.Answer) error {
		if a.End == 0 && !a.Live && q.From > ended {
			// It was open when the capture ended. Whether it still was at the
			// time that is asked for, nobody knows.
			a.Doubt |= history.TouchedByRestart
			late++
		}
		return out.add(a)
	})
	if err != nil {
		return nil, err
	}
	said := newVerdict(q, res, late)
	said.live = live
	return said, out.end(said)
}

// Check refuses flags that do not go together.
func (c *whoConfig) Check() error {
	given := 0
	for _, is := range []bool{c.live, c.dir != "", len(c.recordings) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return cli.Usagef("--history, --recording and --live: who looks into one of them")
	case c.live && c.moments.Given():
		return cli.Usagef("--live is who holds it now: --at, --from and --to ask a history or a recording")
	case c.limit < 0:
		return cli.Usagef("--limit %d: must not be negative", c.limit)
	}
	return c.moments.Check()
}

// Open opens what is to be looked into. Without a word about it that is the
// history, or the live table if there is none and no moment is asked for.
func (c *whoConfig) Open(ctx context.Context, con cli.Console) (ledger, error) {
	if len(c.recordings) > 0 {
		return openRecordings(ctx, con, c.recordings)
	}
	if c.live {
		return c.openLive()
	}
	dir := c.dir
	if dir == "" {
		dir = defaultHistory
	}
	book, err := openHistory(dir)
	if c.dir == "" && !c.moments.Given() && isNoHistory(err) {
		return c.openLive()
	}
	return book, err
}

// isNoHistory reports whether there is no history to be read.
func isNoHistory(err error) bool {
	return errors.Is(err, errNoHistory) || errors.Is(err, history.ErrUnsupported)
}
