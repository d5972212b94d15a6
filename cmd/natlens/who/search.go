package who

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/replay"
	"natlens/monitor/table"
	"natlens/monitor/translation"
)

// place is what who searches: a history, a recording or the kernel's table.
type place struct {
	name string // what it is, in the middle of a sentence

	// span returns the times that relative times count from: +30s from begin,
	// -2h from end. help says how times are written.
	span func() (begin, end monitor.Time, help string, err error)

	// find calls each for every translation that the query selects. Each ends
	// the search with translation.ErrStop.
	find func(ctx context.Context, q translation.Query, each translation.Visit) (translation.Result, error)
}

// untilNow is the span of what goes on.
func untilNow() (begin, end monitor.Time, help string, err error) {
	now := monitor.Now()
	return now, now, cli.MomentNowHelp, nil
}

// defaultHistory is the directory of the history if no flag names another.
const defaultHistory = "/var/lib/natlens"

// errNoHistory says that a directory has no history.
var errNoHistory = errors.New("no history")

func openHistory(dir string) (*place, error) {
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
					err = nil // the answer is about what was read
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
