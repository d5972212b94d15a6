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
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
	"natlens/monitor/translation"
)

// place is what who searches: a history, a recording or the kernel's table.
type place interface {
	// name says what it is, in the middle of a sentence.
	name() string

	// span returns the times that relative times count from: +30s from begin,
	// -2h from end. help says how times are written.
	span() (begin, end monitor.Time, help string, err error)

	// find calls each for every translation that the query selects. Each ends
	// the search with translation.ErrStop.
	find(ctx context.Context, q translation.Query, each translation.Visit) (translation.Result, error)
}

// defaultHistory is the directory of the history if no flag names another.
const defaultHistory = "/var/lib/natlens"

// errNoHistory says that a directory has no history.
var errNoHistory = errors.New("no history")

// historyPlace is a history on disk.
type historyPlace struct {
	*history.Reader
	dir string
}

func openHistory(dir string) (*historyPlace, error) {
	r, err := history.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s; natlens record --history keeps one", errNoHistory, dir)
	}
	return &historyPlace{r, dir}, err
}

func (h *historyPlace) name() string { return "the history in " + h.dir }

func (h *historyPlace) span() (begin, end monitor.Time, help string, err error) {
	now := monitor.Now()
	return now, now, cli.MomentNowHelp, nil
}

func (h *historyPlace) find(
	ctx context.Context, q translation.Query, each translation.Visit,
) (translation.Result, error) {
	return h.Find(ctx, q, each)
}

// recordingPlace is a recording, from its beginning to its end.
type recordingPlace struct {
	rec   *replay.Recording
	con   cli.Console
	files []string
	table *table.Table
	names *monitor.Namespaces
}

func openRecordings(ctx context.Context, con cli.Console, files []string) (place, error) {
	r := &recordingPlace{con: con, files: files, table: table.New(table.Config{}), names: new(monitor.Namespaces)}
	from := cli.FromFlags{Paths: files}
	var err error
	cfg := replay.Config{Locals: r.table.SetLocals, Namespaces: r.names}
	r.rec, err = from.Recording(ctx, con, cfg)
	return r, err
}

func (r *recordingPlace) name() string {
	if len(r.files) == 1 {
		return "the recording " + filepath.Base(r.files[0])
	}
	return fmt.Sprintf("the recording in %d files", len(r.files)) // singular, as the sentences about it are
}

func (r *recordingPlace) span() (begin, end monitor.Time, help string, err error) {
	if r.files[0] == "-" {
		return 0, 0, "", cli.Usagef("--at, --since and --until need a file: standard input is read once")
	}
	begin, end, err = r.rec.Span()
	return begin, end, cli.MomentHelp, err
}

func (r *recordingPlace) find(
	ctx context.Context, q translation.Query, each translation.Visit,
) (translation.Result, error) {
	src, err := r.rec.Open()
	if err != nil {
		return translation.Result{}, err
	}
	defer src.Close()
	s := translation.NewSearch(q, r.names, each)
	l := &loop.Loop{Source: src, Sinks: []monitor.Sink{s}}
	if !src.Remembers() {
		l.Table = r.table
	}
	if err := l.Run(ctx); err != nil && !errors.Is(err, translation.ErrStop) {
		return translation.Result{}, err
	}
	cli.NoteFaults(r.con, src.Stats())
	return s.Finish()
}
