package history

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"time"

	"natlens/monitor"
	"natlens/monitor/translation"
)

// openStore opens the files of a history for writing. It completes the files of the previous
// run.
func openStore(cfg *Config) (s *store, err error) {
	s = &store{cfg: cfg, next: 1, path: filepath.Join(cfg.Dir, openName), names: map[string]bool{}}
	if s.db, err = openOpen(s.path); err != nil {
		return nil, err
	}
	for _, step := range []func() error{s.readState, s.takeStock, s.begin} {
		if err := step(); err != nil {
			return nil, errors.Join(named(s.path, err), s.db.Close())
		}
	}
	return s, nil
}

// openOpen opens open.sqlite, and makes it if it does not exist or has no tables.
func openOpen(path string) (*sql.DB, error) {
	db, err := openFile(context.Background(), path, forWriting, openSchema)
	if errors.Is(err, errUnfinished) {
		err = errors.Join(removeDB(path), os.ErrNotExist)
	}
	if errors.Is(err, os.ErrNotExist) {
		return createDB(path, append(openSchema, "INSERT INTO history VALUES (0, 0, 0, 0, 0, 0, 0, 0, 0)")...)
	}
	return db, err
}

// takeStock compares the list of files with the directory. A removed file leaves a gap.
func (s *store) takeStock() error {
	listed, err := readFiles(context.Background(), s.db)
	if err != nil {
		return err
	}
	missing := map[string]entry{}
	for _, e := range listed {
		missing[e.name] = e
	}
	there, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	committed := s.state.lastID
	for _, file := range there {
		e, ok := parseEntry(file.Name())
		if !ok {
			continue
		}
		_, isListed := missing[e.name]
		delete(missing, e.name)
		if !isListed || hasLog(filepath.Join(s.cfg.Dir, e.name)) {
			if err := s.takeOver(e.name, committed); err != nil {
				return err
			}
		}
	}
	for name, e := range missing {
		err := transaction(s.db, func(t *tx) {
			t.exec("DELETE FROM file WHERE path = ?", name)
			putGap(t, &translation.Gap{From: e.start, To: e.end, Count: uint64(e.rows), Cause: translation.Removed})
		})
		if err != nil {
			return err
		}
	}
	s.files, err = readFiles(context.Background(), s.db)
	for i := range s.files {
		s.files[i].bytes = sizeOf(filepath.Join(s.cfg.Dir, s.files[i].name))
		s.next = s.files[i].number + 1
	}
	return err
}

// takeOver adds a file to the list that the previous run was writing, or that a user added. A
// file that cannot be read is listed for all times, so that queries report it.
func (s *store) takeOver(name string, committed int64) error {
	path := filepath.Join(s.cfg.Dir, name)
	db, err := openFile(context.Background(), path, forWriting, closedSchema)
	if errors.Is(err, errUnfinished) {
		return removeDB(path)
	}
	if err == nil {
		err = db.Close()
	}
	if err == nil {
		err = named(path, s.merge(name, path, committed))
	}
	if err != nil {
		s.cfg.Note(err.Error())
		_, err = s.db.Exec("INSERT OR REPLACE INTO file VALUES (?, 0, ?, 0)", name, int64(s.state.committed))
	}
	return err
}

// merge adds a readable file to the list. Translations that are also in table open are deleted
// there: a crash happened between the two commits.
func (s *store) merge(name, path string, committed int64) (err error) {
	if _, err := s.db.Exec("ATTACH ? AS closed", path); err != nil {
		return err
	}
	defer func() {
		_, detach := s.db.Exec("DETACH closed")
		err = errors.Join(err, detach)
	}()
	const (
		remove = "DELETE FROM open WHERE flow IN (SELECT flow FROM closed.translation WHERE id > ?)"
		list   = `INSERT OR REPLACE INTO file
			SELECT ?, coalesce(min(start), 0), coalesce(max(end), 0), count(*) FROM closed.translation`
		last = "SELECT max(coalesce(max(id), 0), ?), max(coalesce(max(flow), 0), ?) FROM closed.translation"
	)
	return transaction(s.db, func(t *tx) {
		t.exec(remove, committed)
		t.exec(list, name)
		if x := &s.state; t.err == nil {
			t.err = t.QueryRow(last, x.lastID, x.lastFlow).Scan(&x.lastID, &x.lastFlow)
		}
		s.putState(t)
	})
}

// begin starts a run: it reads the open translations of the previous one, and records the time
// until now as a gap.
func (s *store) begin() error {
	x, before, open := &s.state, &s.previous, uint64(0)
	var wrong *span // set if the clock was ahead
	err := scanRows(context.Background(), s.db, "SELECT "+columns+" FROM open", nil, func(r *row) error {
		if r.side == r.t.Sides()[0] {
			before.Add(&r.t)
			open++
		}
		return nil
	})
	if err != nil {
		return err
	}
	now, mono := s.cfg.Clock()
	first := x.committed == 0
	if first {
		x.began, s.clock.trusted = now, now
	} else {
		before.From, before.Until, before.Reason = x.committed, now, translation.Restart
		if x.ended {
			before.Reason = translation.CaptureEnded
		}
		if now < x.committed {
			before.From = now
		}
		s.steps.wall = x.committed
		if spans := s.steps.tick(now, 0); now < x.committed && len(spans) > 0 {
			before.From = spans[0].from
			wrong = &spans[len(spans)-1]
		}
	}
	s.steps.wall, s.steps.mono = now, mono
	x.committed, x.ended = now, false
	s.clock.mono = mono
	s.clock.tick(now, mono)
	gap := translation.Gap{From: before.From, To: before.Until, Count: open, Cause: translation.Restarted}
	return transaction(s.db, func(t *tx) {
		t.exec("UPDATE open SET doubt = doubt | ?", int64(translation.TouchedByRestart))
		if !first {
			putGap(t, &gap)
		}
		if wrong != nil {
			putGap(t, &translation.Gap{From: wrong.from, To: wrong.to, Cause: translation.ClockSet})
		}
		s.putState(t)
	})
}

// Clock returns the system's time, which may jump, and the time since a fixed start, which does
// not.
type Clock func() (wall monitor.Time, mono time.Duration)

// SystemClock is the clock of a Writer outside tests.
func SystemClock() Clock {
	began := time.Now()
	return func() (monitor.Time, time.Duration) {
		now := time.Now()
		return monitor.Time(now.UnixNano()), now.Sub(began)
	}
}

// ageClock is the clock of retention. A forward jump of the system's time is trusted only when
// it has lasted as long as its length.
type ageClock struct {
	trusted monitor.Time  // never decreases
	jumped  monitor.Time  // value of trusted at a forward jump; 0: none
	mono    time.Duration // at the last tick
}

// smallJump is the difference up to which a forward step is not a jump.
const smallJump = monitor.Time(time.Minute)

// tick advances the clock and returns the time for retention.
func (c *ageClock) tick(wall monitor.Time, mono time.Duration) monitor.Time {
	c.trusted, c.mono = c.trusted+monitor.Time(mono-c.mono), mono
	switch ahead := wall - c.trusted; {
	case ahead <= 0:
		c.jumped = 0
		return wall
	case ahead <= smallJump, c.jumped != 0 && c.trusted-c.jumped >= ahead:
		c.trusted, c.jumped = wall, 0
	case c.jumped == 0:
		c.jumped = c.trusted
	}
	return c.trusted
}

// steps detects that the system's time was set: it moved by more than smallJump relative to the
// steady clock.
type steps struct {
	wall     monitor.Time  // at the last tick
	mono     time.Duration // at the last tick
	from, to monitor.Time  // of the last forward step; 0: none, or it was undone
}

// span is a time in which translations are not certain.
type span struct{ from, to monitor.Time }

// tick returns the spans that a step since the last tick makes uncertain. A forward step skips
// a span, and a backward step passes one twice. If it undoes a forward step, translations since
// that step have wrong times.
func (s *steps) tick(wall monitor.Time, mono time.Duration) []span {
	was := s.wall
	step := wall - was - monitor.Time(mono-s.mono)
	s.wall, s.mono = wall, mono
	switch {
	case step > smallJump:
		s.from, s.to = was, wall
		return []span{{was, wall}}
	case step >= -smallJump:
		return nil
	case s.from <= wall && wall < s.to:
		spans := []span{{s.from, wall}, {s.to, was}}
		s.from, s.to = 0, 0
		return spans
	}
	return []span{{wall, was}}
}
