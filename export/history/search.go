package history

import (
	"errors"
	"iter"
	"path/filepath"

	"natlens/monitor/translation"
)

// searchClosed answers from the files of closed translations. Ids rise within a
// class of files: the answers of both classes are merged by their ids.
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

// closed iterates over the answers of a class of files, with their ids. A file
// that cannot be read is a fault and is left out.
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

// searchFile passes the answers of one file to yield. It returns ErrStop if yield
// wants no more.
func (f *find) searchFile(e *entry, yield func(int64, *translation.Answer) bool) error {
	path, how := filepath.Join(f.dir, e.name), forReadingAlone
	if hasLog(path) {
		how = forReading
	}
	db, err := openDB(path, how)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := checkSchema(f.ctx, db, path, closedSchema); err != nil {
		return err
	}
	where, args := f.where()
	if since := f.Query.Since; since != 0 {
		where, args = where+" AND end >= ?", append(args, int64(since))
		if e.class == shortLives { // bounds the part of the index that is read
			where, args = where+" AND start > ?", append(args, int64(since-longLife))
		}
	}
	query := "SELECT id," + columns + " FROM translation" + where + " ORDER BY id"
	var id int64
	return scanRows(f.ctx, db, query, args, func(r *row) error {
		delete(f.open, r.t.Number) // it closed while the query ran, or the writer crashed
		want, ok := f.Query.Match(&r.t)
		if ok && want == r.side && !yield(id, &translation.Answer{Translation: r.t}) {
			return translation.ErrStop
		}
		return nil
	}, &id)
}
