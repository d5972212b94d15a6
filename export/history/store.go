package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"natlens/monitor"
	"natlens/monitor/translation"
)

// store is the files of a history that is being written: open.sqlite, a current
// file for each class, and the other files.
type store struct {
	cfg      *Config
	path     string // of open.sqlite
	db       *sql.DB
	state    state
	current  [classes]*closedFile // nil: none yet
	files    []entry              // the others, by number
	next     int64                // number of the next file
	names    map[string]bool      // network namespaces in table netns
	clock    ageClock
	steps    steps
	retained time.Duration // when retention ran last
	noted    bool          // the note about a jump of the clock is printed

	previous translation.Previous // what the previous run left open
}

// state is the row of table history.
type state struct {
	began, committed monitor.Time
	ended            bool
	lastID, lastFlow int64
}

func (s *store) readState() error {
	x := &s.state
	const read = "SELECT began, committed, ended, last_id, last_flow, clock, jumped, step_from, step_to FROM history"
	return s.db.QueryRow(read).Scan(
		&x.began, &x.committed, &x.ended, &x.lastID, &x.lastFlow,
		&s.clock.trusted, &s.clock.jumped, &s.steps.from, &s.steps.to)
}

func (s *store) putState(tx *sql.Tx) error {
	x := &s.state
	_, err := tx.Exec("UPDATE history SET began=?, committed=?, ended=?, last_id=?, last_flow=?, clock=?, jumped=?,"+
		" step_from=?, step_to=?",
		x.began, x.committed, x.ended, x.lastID, x.lastFlow, s.clock.trusted, s.clock.jumped,
		s.steps.from, s.steps.to)
	return err
}

// putGap adds a gap. Open translations that it touched become doubtful. When a step
// of the clock is taken back, the gap that ends there replaces the one of the step.
func (s *store) putGap(tx *sql.Tx, g *translation.Gap) error {
	const (
		insert  = "INSERT INTO gap VALUES (?, ?, ?, ?, ?, ?)"
		replace = "DELETE FROM gap WHERE start = ? AND end > ? AND cause IN (2, 5)"
		touch   = "UPDATE open SET doubt = doubt | ?1 WHERE flow <= ?2 AND doubt & ?1 = 0 AND (?3 = '' OR netns = ?3)"
	)
	_, err := tx.Exec(replace, g.From, g.To)
	if err == nil {
		_, err = tx.Exec(insert, g.From, g.To, g.Cause, int64(g.Count), g.AtLeast, g.Namespace)
	}
	if err == nil && (g.Cause == translation.Lost || g.Cause == translation.ClockSet) {
		_, err = tx.Exec(touch, translation.TouchedByGap, int64(g.Number), g.Namespace)
	}
	return err
}

// commit brings the commit to its end, or to the step that fails.
func (s *store) commit(c *commit) error {
	for ; c.step < stepOpen; c.step++ {
		if err := s.writeClosed(class(c.step), c); err != nil {
			return err
		}
	}
	err := transaction(s.db, func(tx *sql.Tx) error { return s.writeOpen(tx, c) })
	if err == nil {
		c.step = stepDone
	}
	return named(s.path, err)
}

func (s *store) writeClosed(class class, c *commit) (err error) {
	if c.count(class) == 0 {
		return nil
	}
	if s.current[class] == nil {
		f := &closedFile{entry: newEntry(s.next, class), made: c.mono}
		f.path = filepath.Join(s.cfg.Dir, f.name)
		if f.db, err = createDB(f.path, closedSchema...); err != nil {
			return err
		}
		s.current[class] = f
		s.next++
	}
	s.state.lastID, err = s.current[class].write(c.Closed, s.state.lastID)
	return err
}

// writeOpen writes the rest of a commit: what is not in files of closed ones.
func (s *store) writeOpen(tx *sql.Tx, c *commit) error {
	if err := s.changeOpen(tx, c); err != nil {
		return err
	}
	for i := range c.Gaps {
		if err := s.putGap(tx, &c.Gaps[i]); err != nil {
			return err
		}
	}
	const list = "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)"
	for _, f := range s.current {
		if f == nil {
			continue
		}
		if _, err := tx.Exec(list, f.name, f.start, f.end, f.rows); err != nil {
			return err
		}
	}
	s.state.committed, s.state.ended, s.state.lastFlow = c.at, c.good, int64(c.last)
	s.clock.tick(c.at, c.mono)
	return s.putState(tx)
}

// changeOpen inserts what has opened into table open, and deletes what has
// closed. What did both within the commit is not inserted.
func (s *store) changeOpen(tx *sql.Tx, c *commit) error {
	opened := c.Opened
	if c.stale {
		if _, err := tx.Exec("DELETE FROM open"); err != nil {
			return err
		}
		opened = c.all
	}
	insert, err := tx.Prepare(insertInto("open"))
	remove, removeErr := tx.Prepare("DELETE FROM open WHERE flow = ?")
	if err := errors.Join(err, removeErr); err != nil {
		return err
	}
	inTable := make(map[uint64]bool, len(c.Closed)) // closed translations, by number
	for i := range c.Closed {
		t := &c.Closed[i]
		inTable[t.Number] = !c.stale
		if err := s.putName(tx, t.Namespace); err != nil {
			return err
		}
	}
	var args []any
	for i := range opened {
		t := &opened[i]
		if _, closed := inTable[t.Number]; closed {
			inTable[t.Number] = false
			continue
		}
		for _, side := range t.Sides() {
			args = appendRow(args[:0], t, side)
			if _, err := insert.Exec(args...); err != nil {
				return err
			}
		}
		if err := s.putName(tx, t.Namespace); err != nil {
			return err
		}
	}
	for i := range c.Closed {
		if number := c.Closed[i].Number; inTable[number] {
			if _, err := remove.Exec(int64(number)); err != nil {
				return err
			}
		}
	}
	return nil
}

// putName adds the name of a network namespace to table netns.
func (s *store) putName(tx *sql.Tx, name string) error {
	if name == "" || s.names[name] {
		return nil
	}
	_, err := tx.Exec("INSERT OR IGNORE INTO netns VALUES (?)", name)
	s.names[name] = err == nil
	return err
}

// seal completes the current file of a class.
func (s *store) seal(c class) error {
	f := s.current[c]
	if f == nil {
		return nil
	}
	s.current[c] = nil
	err := f.close()
	if f.rows > 0 {
		s.files = append(s.files, f.entry)
		slices.SortFunc(s.files, byNumber)
	}
	return err
}

// close completes the current files and closes all.
func (s *store) close() (err error) {
	for c := range s.current {
		err = errors.Join(err, s.seal(class(c)))
	}
	return errors.Join(err, named(s.path, s.db.Close()))
}

// size returns the bytes of all files.
func (s *store) size() (bytes int64) {
	bytes = sizeOf(s.path)
	for i := range s.files {
		bytes += s.files[i].bytes
	}
	for _, f := range s.current {
		if f != nil {
			bytes += sizeOf(f.path)
		}
	}
	return bytes
}

// readFiles reads table file, in the order of the numbers of the files.
func readFiles(ctx context.Context, db querier) (files []entry, err error) {
	var row entry
	err = scan(ctx, db, "SELECT path, start, end, rows FROM file", nil, func() error {
		e, ok := parseEntry(row.name)
		if !ok { // it could lead out of the directory
			return fmt.Errorf("table file names %q", row.name)
		}
		e.start, e.end, e.rows = row.start, row.end, row.rows
		files = append(files, e)
		return nil
	}, &row.name, &row.start, &row.end, &row.rows)
	slices.SortFunc(files, byNumber)
	return files, err
}
