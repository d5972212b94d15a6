package history

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"

	"natlens/monitor"
	"natlens/monitor/translation"
)

// Reader answers queries from a history on disk, also while a Writer is running
// in this or another process. Any number of goroutines may use it.
type Reader struct{ dir string }

// Open opens a history for reading. The error is fs.ErrNotExist if there is
// none.
func Open(dir string) (*Reader, error) {
	if !Supported {
		return nil, ErrUnsupported
	}
	err := checkDir(dir, false)
	if err == nil {
		var db *sql.DB
		if db, err = openDB(filepath.Join(dir, openName), forReading); err == nil {
			return &Reader{dir}, db.Close()
		}
	}
	return nil, fmt.Errorf("no history in %s: %w", dir, err)
}

// Find calls fn for every translation that the query selects: the closed ones in the order in
// which they ended, then the open ones. The end of ctx ends the search. Result.Faults has the
// files that could not be read.
func (r *Reader) Find(ctx context.Context, q translation.Query, fn translation.Visit) (translation.Result, error) {
	f := &find{ctx: ctx, dir: r.dir}
	f.Query, f.Each = q, func(a *translation.Answer) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(a)
	}
	f.Result.Live = locked(r.dir)
	// Read the open ones first: a translation that closes meanwhile is then found twice, not
	// missed.
	err := f.readOpen()
	if err == nil {
		err = f.searchClosed()
	}
	if err == nil {
		err = f.offerOpen()
	}
	if errors.Is(err, translation.ErrStop) {
		err = nil
	}
	if f.Result.Answers > 0 {
		f.Result.Namespaces = nil
	}
	return f.Result, err
}

// find is the state of one query.
type find struct {
	translation.Collector
	ctx   context.Context
	dir   string
	files []entry
	open  map[uint64]translation.Answer // open translations that the query selects, by number
}

func (f *find) readOpen() error {
	path := filepath.Join(f.dir, openName)
	db, err := openFile(f.ctx, path, forReading, openSchema)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(f.ctx, nil)
	if err != nil {
		return named(path, err)
	}
	defer tx.Rollback()
	err = tx.QueryRowContext(f.ctx, "SELECT began, committed FROM history").Scan(&f.Result.Began, &f.Result.Ended)
	if err == nil {
		f.files, err = readFiles(f.ctx, tx)
	}
	var gaps []translation.Gap
	var g translation.Gap
	if err == nil {
		err = scan(f.ctx, tx, "SELECT start, end, cause, count, at_least, netns FROM gap", nil, func() error {
			gaps = append(gaps, g)
			return nil
		}, &g.From, &g.To, &g.Cause, &g.Count, &g.AtLeast, &g.Namespace)
	}
	f.Result.Gaps = translation.Overlapping(gaps, &f.Query)
	if err == nil && f.Query.Namespace != "" {
		f.Result.Namespaces, err = texts(f.ctx, tx, "SELECT name FROM netns ORDER BY name")
	}
	if err == nil {
		f.open = map[uint64]translation.Answer{}
		where, args := f.where()
		err = scanRows(f.ctx, tx, "SELECT "+columns+" FROM open"+where, args, func(r *row) error {
			if want, ok := f.Query.Match(&r.t); ok && want == r.side {
				f.open[r.t.Number] = translation.Answer{Translation: r.t, Live: f.Result.Live}
			}
			return nil
		})
	}
	return named(path, err)
}

// offerOpen passes on the translations that are still open, in the order of their beginnings.
func (f *find) offerOpen() error {
	for _, a := range slices.SortedFunc(maps.Values(f.open), func(a, b translation.Answer) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Number, b.Number))
	}) {
		if err := f.Offer(&a); err != nil {
			return err
		}
	}
	return nil
}

// where returns the condition that finds the rows of the query by an index. Match tests the
// other conditions.
func (f *find) where() (where string, args []any) {
	q := &f.Query
	where = " WHERE true"
	add := func(condition string, arg any) { where, args = where+" AND "+condition, append(args, arg) }
	for column, end := range map[string]translation.End{"outside": q.Outside, "inside": q.Inside} {
		if end.Addr != (monitor.Addr{}) {
			add(column+" = ?", end.Addr.String())
		}
		if end.HasPort {
			add(column+"_port = ?", int64(end.Port))
		}
	}
	if q.Until != 0 {
		add("start <= ?", int64(q.Until))
	}
	return where, args
}

// searchClosed passes on the answers from the files of closed translations. Ids increase within
// a class of files: the answers of both classes are merged by their ids.
func (f *find) searchClosed() error {
	short, stopShort := iter.Pull2(f.closed(shortLives))
	defer stopShort()
	long, stopLong := iter.Pull2(f.closed(longLives))
	defer stopLong()
	i, a, moreShort := short()
	j, b, moreLong := long()
	for moreShort || moreLong {
		var err error
		if moreShort && (!moreLong || i < j) {
			err = f.Offer(a)
			i, a, moreShort = short()
		} else {
			err = f.Offer(b)
			j, b, moreLong = long()
		}
		if err != nil {
			return err
		}
	}
	return f.ctx.Err()
}

// closed iterates over the answers of a class of files, with their ids. It skips files that
// cannot be read, and records a fault.
func (f *find) closed(c class) iter.Seq2[int64, *translation.Answer] {
	return func(yield func(int64, *translation.Answer) bool) {
		for i := range f.files {
			e := &f.files[i]
			if e.class != c || !f.Query.Covers(e.start, e.end) || f.ctx.Err() != nil {
				continue
			}
			switch err := f.searchFile(e, yield); {
			case errors.Is(err, translation.ErrStop):
				return
			case err != nil && f.ctx.Err() == nil:
				f.Result.Faults = append(f.Result.Faults, named(filepath.Join(f.dir, e.name), err))
			}
		}
	}
}

// searchFile passes the answers of one file to yield. It returns ErrStop if yield returns
// false.
func (f *find) searchFile(e *entry, yield func(int64, *translation.Answer) bool) error {
	path, how := filepath.Join(f.dir, e.name), forReadingAlone
	if hasLog(path) {
		how = forReading
	}
	db, err := openFile(f.ctx, path, how, closedSchema)
	if err != nil {
		return err
	}
	defer db.Close()
	where, args := f.where()
	if since := f.Query.Since; since != 0 {
		where, args = where+" AND end >= ?", append(args, int64(since))
		if e.class == shortLives { // limits the part of the index that is read
			where, args = where+" AND start > ?", append(args, int64(since-longLife))
		}
	}
	query := "SELECT id," + columns + " FROM translation" + where + " ORDER BY id"
	var id int64
	return scanRows(f.ctx, db, query, args, func(r *row) error {
		delete(f.open, r.t.Number) // it closed during the query, or the writer crashed
		want, ok := f.Query.Match(&r.t)
		if ok && want == r.side && !yield(id, &translation.Answer{Translation: r.t}) {
			return translation.ErrStop
		}
		return nil
	}, &id)
}
