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

// store is the files of a history that is open for writing: open.sqlite, a current file for
// each class, and the other files.
type store struct {
	cfg      *Config
	path     string // of open.sqlite
	db       *sql.DB
	state    state
	current  [classes]*closedFile // nil: none yet
	files    []entry              // the other files, by number
	next     int64                // number of the next file
	names    map[string]bool      // network namespaces in table netns
	clock    ageClock
	steps    steps
	retained time.Duration // when retention ran last
	noted    bool          // the note about a jump of the clock was printed

	previous translation.Previous // open translations of the previous run
}

// state is the row of table history.
type state struct {
	began, committed monitor.Time
	ended            bool
	lastID, lastFlow int64
}

// columns are the fields of the row, with those of the clocks.
func (s *store) columns() []any {
	x := &s.state
	return []any{&x.began, &x.committed, &x.ended, &x.lastID, &x.lastFlow, &s.clock.trusted, &s.clock.jumped,
		&s.steps.from, &s.steps.to}
}

func (s *store) readState() error {
	const read = "SELECT began, committed, ended, last_id, last_flow, clock, jumped, step_from, step_to FROM history"
	return s.db.QueryRow(read).Scan(s.columns()...)
}

func (s *store) putState(t *tx) {
	t.exec("UPDATE history SET began=?, committed=?, ended=?, last_id=?, last_flow=?, clock=?, jumped=?,"+
		" step_from=?, step_to=?", s.columns()...)
}

// putGap adds a gap, which makes the open translations uncertain. When a clock step is undone,
// the gap that ends there replaces the gap of the step.
func putGap(t *tx, g *translation.Gap) {
	t.exec("DELETE FROM gap WHERE start = ? AND end > ? AND cause IN (2, 5)", g.From, g.To)
	t.exec("INSERT INTO gap VALUES (?, ?, ?, ?, ?, ?)", g.From, g.To, g.Cause, int64(g.Count), g.AtLeast, g.Namespace)
	if g.Cause == translation.Lost || g.Cause == translation.ClockSet {
		const touch = "UPDATE open SET doubt = doubt | ?1 " +
			"WHERE flow <= ?2 AND doubt & ?1 = 0 AND (?3 = '' OR netns = ?3)"
		t.exec(touch, translation.TouchedByGap, int64(g.Number), g.Namespace)
	}
}

// commit executes the commit to its end, or to the step that fails.
func (s *store) commit(c *commit) error {
	for ; c.next < classes; c.next++ {
		if err := s.writeClosed(c.next, c); err != nil {
			return err
		}
	}
	err := transaction(s.db, func(t *tx) { s.writeOpen(t, c) })
	c.done = err == nil
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
func (s *store) writeOpen(t *tx, c *commit) {
	s.changeOpen(t, c)
	for i := range c.Gaps {
		putGap(t, &c.Gaps[i])
	}
	for _, f := range s.current {
		if f != nil {
			t.exec("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)", f.name, f.start, f.end, f.rows)
		}
	}
	s.state.committed, s.state.ended, s.state.lastFlow = c.at, c.good, int64(c.last)
	s.clock.tick(c.at, c.mono)
	s.putState(t)
}

// changeOpen inserts opened translations into table open, and deletes closed ones. Those that
// opened and closed within the commit are skipped.
func (s *store) changeOpen(t *tx, c *commit) {
	opened := c.Opened
	if c.stale {
		t.exec("DELETE FROM open")
		opened = c.all
	}
	insert, remove := t.prepare(insertInto("open")), t.prepare("DELETE FROM open WHERE flow = ?")
	inTable := make(map[uint64]bool, len(c.Closed)) // closed translations, by number
	for i := range c.Closed {
		inTable[c.Closed[i].Number] = !c.stale
		s.putName(t, c.Closed[i].Namespace)
	}
	var args []any
	for i := range opened {
		x := &opened[i]
		if _, closed := inTable[x.Number]; closed {
			inTable[x.Number] = false
			continue
		}
		for _, side := range x.Sides() {
			args = appendRow(args[:0], x, side)
			insert(args...)
		}
		s.putName(t, x.Namespace)
	}
	for _, r := range c.Renamed {
		t.exec("UPDATE open SET netns = ? WHERE netns = ?", r.New, r.Old)
		s.putName(t, r.New)
	}
	for i := range c.Closed {
		if number := c.Closed[i].Number; inTable[number] {
			remove(int64(number))
		}
	}
}

func (s *store) putName(t *tx, name string) {
	if name == "" || s.names[name] {
		return
	}
	t.exec("INSERT OR IGNORE INTO netns VALUES (?)", name)
	s.names[name] = t.err == nil
}

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

func (s *store) close() (err error) {
	for c := range s.current {
		err = errors.Join(err, s.seal(class(c)))
	}
	return errors.Join(err, named(s.path, s.db.Close()))
}

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
		if !ok { // the name could point outside the directory
			return fmt.Errorf("table file names %q", row.name)
		}
		e.start, e.end, e.rows = row.start, row.end, row.rows
		files = append(files, e)
		return nil
	}, &row.name, &row.start, &row.end, &row.rows)
	slices.SortFunc(files, byNumber)
	return files, err
}
