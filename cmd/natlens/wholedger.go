package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// errNoHistory is a directory without a history.
var errNoHistory = errors.New("no history")

// historyLedger looks into a history on disk.
type historyLedger struct {
	*history.Reader
	dir string
}

func openHistory(dir string) (ledger, error) {
	r, err := history.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s; natlens record --history keeps one", errNoHistory, dir)
	}
	if err != nil {
		return nil, err
	}
	return &historyLedger{r, dir}, nil
}

func (h *historyLedger) name() string { return "the history in " + h.dir }

func (h *historyLedger) span(context.Context) (from, to, now monitor.Time, err error) {
	from, to, err = h.Reader.Span()
	return from, to, monitor.Now(), err
}

func (h *historyLedger) find(ctx context.Context, q history.Query, each func(*history.Answer) error) (history.Result, error) {
	return h.Reader.Find(ctx, q, each)
}

// recordingLedger looks into a recording, from its beginning to its end.
type recordingLedger struct {
	rec   *replay.Recording
	con   cli.Console
	files []string
	table *table.Table
	names *monitor.Namespaces
}

func openRecordings(ctx context.Context, con cli.Console, files []string) (ledger, error) {
	r := &recordingLedger{con: con, files: files, table: table.New(table.Config{}), names: new(monitor.Namespaces)}
	from := cli.FromFlags{Paths: files}
	var err error
	r.rec, err = from.Recording(ctx, con, replay.Config{Zstd: cli.UnpackZstd, Locals: r.table.SetLocals, Namespaces: r.names})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (r *recordingLedger) name() string {
	if len(r.files) == 1 {
		return "the recording " + filepath.Base(r.files[0])
	}
	return fmt.Sprintf("the recording in %d files", len(r.files)) // singular, as the sentences about it are
}

func (r *recordingLedger) span(context.Context) (from, to, now monitor.Time, err error) {
	if r.files[0] == "-" {
		return 0, 0, 0, cli.Usagef("--at, --from and --to need a file: standard input is read once")
	}
	from, to, err = r.rec.Span()
	return from, to, to, err
}

func (r *recordingLedger) Close() error { return nil }

func (r *recordingLedger) find(ctx context.Context, q history.Query, each func(*history.Answer) error) (history.Result, error) {
	src, err := r.rec.Open()
	if err != nil {
		return history.Result{}, err
	}
	defer src.Close()
	s := newSeeker(q, r.names, each)
	m := &loop.Loop{Source: src, Sinks: []monitor.Sink{s}}
	if !src.Remembers() {
		m.Table = r.table
	}
	if err := m.Run(ctx); err != nil && !errors.Is(err, history.ErrStop) {
		return s.res, err
	}
	cli.NoteFaults(r.con, src.Stats())
	return s.end()
}

// seeker is a sink that looks for translations in a stream of events.
type seeker struct {
	q       history.Query
	names   *monitor.Namespaces
	each    func(*history.Answer) error
	tracker *history.Tracker
	changes history.Changes
	gaps    []history.Gap
	res     history.Result
	stopped bool
}

// newSeeker looks for flows that NAT leaves alone as well: an address may be this
// host's own. names may be nil: there is one namespace then.
func newSeeker(q history.Query, names *monitor.Namespaces, each func(*history.Answer) error) *seeker {
	return &seeker{q: q, names: names, each: each, tracker: history.NewTracker(history.TrackerConfig{All: true})}
}

// Write takes in the events of a batch.
func (s *seeker) Write(b *monitor.Batch) error {
	for i := range b.Events {
		t := b.Events[i].Time
		if s.res.Began == 0 {
			s.res.Began = t
		}
		s.res.Ended = max(s.res.Ended, t)
	}
	s.changes.Reset()
	s.tracker.Apply(b, &s.changes)
	for _, g := range s.changes.Gaps {
		g.Namespace = s.names.Name(g.NetNS)
		s.gaps = append(s.gaps, g)
	}
	for i := range s.changes.Closed {
		if err := s.found(&s.changes.Closed[i]); err != nil {
			return err
		}
	}
	return nil
}

// found hands on a translation that is asked for.
func (s *seeker) found(t *history.Translation) error {
	side, ok := s.q.Match(t)
	name := s.names.Name(t.NetNS)
	if !ok || !s.q.InNamespace(name) || s.stopped {
		return nil
	}
	s.res.Answers++
	err := s.each(&history.Answer{Translation: *t, Side: side, Namespace: name, Live: s.res.Live})
	if err == nil && s.q.Limit > 0 && s.res.Answers >= s.q.Limit {
		err = history.ErrStop
	}
	s.stopped = errors.Is(err, history.ErrStop)
	return err
}

// Close does nothing; end is what there is to do.
func (s *seeker) Close() error { return nil }

// end hands on what is still open, in the order of its beginnings.
func (s *seeker) end() (history.Result, error) {
	var open []history.Translation
	if !s.stopped {
		s.tracker.Open(func(t *history.Translation) bool {
			if _, ok := s.q.Match(t); ok {
				open = append(open, *t)
			}
			return true
		})
	}
	slices.SortFunc(open, func(a, b history.Translation) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), bytes.Compare(a.From.Addr[:], b.From.Addr[:]), cmp.Compare(a.From.Port, b.From.Port))
	})
	for i := range open {
		if err := s.found(&open[i]); errors.Is(err, history.ErrStop) {
			break
		} else if err != nil {
			return s.res, err
		}
	}
	s.res.Gaps = history.Overlapping(s.gaps, &s.q)
	s.names.All(func(_ monitor.NetNS, n monitor.Namespace) { s.res.Namespaces = append(s.res.Namespaces, n.Name) })
	return s.res, nil
}

// liveName is how the live table is called.
func liveName(netns string) string {
	if netns == "" {
		return "the table"
	}
	return "the table of " + strings.TrimSpace(netns)
}
