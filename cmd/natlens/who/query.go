package who

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/replay"
	"natlens/monitor/table"
	"natlens/monitor/translation"
)

// query returns what the options ask for, without time and network namespace.
func (o *options) query() (q translation.Query, err error) {
	if o.addr == "" && o.inside == "" {
		return q, cli.Usagef("who needs an address: ADDR[:PORT], or --inside ADDR[:PORT]")
	}
	q.Limit = int(o.limit)
	for _, end := range []struct {
		flag, text string
		to         *translation.End
	}{{"", o.addr, &q.Outside}, {"--inside ", o.inside, &q.Inside}, {"--dst ", o.peer, &q.Peer}} {
		if end.text == "" {
			continue
		}
		var ok bool
		if *end.to, ok = translation.ParseEnd(end.text); !ok {
			return q, cli.Usagef("%s%s: not an address, such as 203.0.113.7, 203.0.113.7:32768 or [2001:db8::7]:443",
				end.flag, end.text)
		}
	}
	q.Proto, err = cli.ParseProto(o.proto)
	return q, err
}

// times are the flags that say which time is asked for.
type times struct{ at, since, until string }

func (t *times) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.at, "at", "", "open at this `time`: "+cli.MomentNowHelp+"; in a recording, before its end")
	f.StringVar(&t.since, "since", "", "open at this `time` or later")
	f.StringVar(&t.until, "until", "", "open at this `time` or earlier")
}

func (t *times) given() bool { return t.at != "" || t.since != "" || t.until != "" }

func (t *times) check() error {
	if t.at != "" && (t.since != "" || t.until != "") {
		return cli.Usagef("--at is one time: not together with --since or --until")
	}
	return nil
}

// read adds the times to the query.
func (t *times) read(p *place, q *translation.Query) error {
	if !t.given() {
		return nil
	}
	begin, end, help, err := p.span()
	if err != nil {
		return err
	}
	for _, one := range []struct {
		flag, text   string
		since, until *monitor.Time
	}{{"--at", t.at, &q.Since, &q.Until}, {"--since", t.since, &q.Since, nil}, {"--until", t.until, nil, &q.Until}} {
		if one.text == "" {
			continue
		}
		at, long, err := cli.ParseTime(one.text, begin.Time(), end.Time(), time.Local)
		if err != nil {
			return cli.Usagef("%s %s: %w %s", one.flag, one.text, err, help)
		}
		if one.since != nil {
			*one.since = monitor.Time(at.UnixNano())
		}
		if one.until != nil {
			*one.until = monitor.Time(at.Add(long - 1).UnixNano())
		}
	}
	if q.Since != 0 && q.Until != 0 && q.Since > q.Until {
		return cli.Usagef("--since %s is after --until %s", t.since, t.until)
	}
	return nil
}

// place is what who searches: a history, a recording or the kernel's table.
type place struct {
	name string // its name in the middle of a sentence

	// span returns the times to which relative times refer: +30s from begin, -2h from end. help
	// lists the forms of a time.
	span func() (begin, end monitor.Time, help string, err error)

	// find calls each for every translation that the query selects. each ends the search with
	// translation.ErrStop.
	find func(ctx context.Context, q translation.Query, each translation.Visit) (translation.Result, error)
}

// untilNow is the span of a place that still changes.
func untilNow() (begin, end monitor.Time, help string, err error) {
	now := monitor.Now()
	return now, now, cli.MomentNowHelp, nil
}

// defaultHistory is the directory of the history without a flag.
const defaultHistory = "/var/lib/natlens"

// errNoHistory means that a directory contains no history.
var errNoHistory = errors.New("no history")

func openHistory(dir string) (*place, error) {
	if !history.Supported { // the linker then leaves the history out
		return nil, history.ErrUnsupported
	}
	r, err := history.Open(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w in %s; natlens record --history makes one", errNoHistory, dir)
	case err != nil:
		return nil, err
	}
	return &place{"the history in " + dir, untilNow, r.Find}, nil
}

// openRecordings opens a recording, from its beginning to its end.
func openRecordings(ctx context.Context, con cli.Console, files []string) (*place, error) {
	flows, names, from := table.New(table.Config{}), new(monitor.Namespaces), cli.FromFlags{Paths: files}
	rec, err := from.Recording(ctx, con, replay.Config{Locals: flows.SetLocals, Namespaces: names})
	if err != nil {
		return nil, err
	}
	p := &place{name: "the recording " + filepath.Base(files[0])}
	if len(files) > 1 {
		p.name = fmt.Sprintf("the recording in %d files", len(files)) // singular, as the sentences about it are
	}
	p.span = func() (begin, end monitor.Time, help string, err error) {
		if files[0] == "-" {
			return 0, 0, "", cli.Usagef("--at, --since and --until need a file: standard input is read once")
		}
		begin, end, err = rec.Span()
		return begin, end, cli.MomentHelp, err
	}
	p.find = func(ctx context.Context, q translation.Query, each translation.Visit) (translation.Result, error) {
		src, err := rec.Open()
		if err != nil {
			return translation.Result{}, err
		}
		defer src.Close()
		events := func(yield func(*monitor.Batch, error) bool) {
			for b, err := range monitor.Batches(ctx, src) {
				if !src.Remembers() {
					flows.Apply(b)
				}
				if ctx.Err() != nil {
					err = nil // the answer is about what could be read
				}
				if !yield(b, err) {
					return
				}
			}
		}
		res, err := translation.Search(events, q, names, 0, each)
		if err == nil {
			cli.NoteFaults(con, src.Stats())
		}
		return res, err
	}
	return p, nil
}
