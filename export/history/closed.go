package history

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"natlens/monitor"
	"natlens/monitor/translation"
)

// class separates closed translations by duration. Long ones have their own files. Otherwise
// the time spans of all files would overlap, and a query for an hour would open all of them.
type class uint8

const (
	shortLives class = iota
	longLives
	classes
)

// longLife is the minimum duration of a long translation.
const longLife = monitor.Time(time.Hour)

func classOf(t *translation.Translation) class {
	if t.End-t.Start >= longLife {
		return longLives
	}
	return shortLives
}

// entry is a file of closed translations, as table file lists it.
type entry struct {
	name       string
	number     int64 // the name contains number and class
	class      class
	start, end monitor.Time // earliest start and latest end
	rows       int64
	bytes      int64 // not in the table
}

// nameFormats are the names of files of closed translations.
var nameFormats = [classes]string{shortLives: "closed-%08d.sqlite", longLives: "long-%08d.sqlite"}

func newEntry(number int64, c class) entry {
	return entry{name: fmt.Sprintf(nameFormats[c], number), number: number, class: c}
}

// parseEntry returns the entry of a file by its name. ok is false if the file has no closed
// translations.
func parseEntry(name string) (e entry, ok bool) {
	for c, format := range nameFormats {
		if _, err := fmt.Sscanf(name, format, &e.number); err == nil {
			e = newEntry(e.number, class(c))
			return e, e.name == name
		}
	}
	return e, false
}

func byNumber(a, b entry) int { return cmp.Compare(a.number, b.number) }

// closedFile is a file that is written now.
type closedFile struct {
	entry
	path string
	db   *sql.DB
	made time.Duration // by the steady clock
}

// write adds the translations of the file's class in one transaction, and returns
// the last id. If it fails, none of them is in the file.
func (f *closedFile) write(all []translation.Translation, lastID int64) (int64, error) {
	e, id := f.entry, lastID
	err := transaction(f.db, func(t *tx) {
		insert := t.prepare(insertInto("translation", "id"))
		var args []any
		for i := range all {
			x := &all[i]
			if classOf(x) != e.class {
				continue
			}
			if e.rows == 0 || x.Start < e.start {
				e.start = x.Start
			}
			e.end = max(e.end, x.End)
			for _, side := range x.Sides() {
				id++
				args = appendRow(append(args[:0], id), x, side)
				insert(args...)
				e.rows++
			}
		}
	})
	if err != nil {
		return lastID, named(f.path, err)
	}
	f.entry = e
	return id, nil
}

// close merges the log into the file, which can then be read without locks. If another process
// reads it now, an empty log stays until the next start.
func (f *closedFile) close() error {
	if f.rows == 0 {
		return errors.Join(f.db.Close(), removeDB(f.path))
	}
	_, err := f.db.Exec("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE")
	if busy(err) {
		err = nil
	}
	err = named(f.path, errors.Join(err, f.db.Close()))
	f.bytes = sizeOf(f.path)
	return err
}

// retainEvery is how often retention runs.
const retainEvery = time.Minute

// upkeep runs after a commit: it completes files that are full or old, and deletes files that
// are too old or exceed MaxSize.
func (s *store) upkeep(now monitor.Time, mono time.Duration) error {
	var err error
	for c, f := range s.current {
		if f == nil {
			continue
		}
		age := [classes]time.Duration{shortLives: time.Hour, longLives: 24 * time.Hour}[c]
		if f.rows >= s.cfg.RowsPerFile || mono-f.made >= age {
			err = errors.Join(err, s.seal(class(c)))
		}
	}
	if mono-s.retained >= retainEvery || s.cfg.MaxSize > 0 && mono-s.retained >= s.cfg.Every {
		s.retained = mono
		err = errors.Join(err, s.retain(now, s.clock.tick(now, mono)))
	}
	return err
}

// retain deletes files that are too old by the trusted time, and the oldest files while MaxSize
// is exceeded. It does not delete files that are written now.
func (s *store) retain(now, trusted monitor.Time) error {
	bytes, withheld := s.size(), false
	for i := 0; i < len(s.files); {
		e := &s.files[i]
		// Files of long translations are few and fill slowly, but the first file by number is
		// still the oldest.
		much := s.cfg.MaxSize > 0 && bytes > s.cfg.MaxSize && i == 0
		if !s.tooOld(e, trusted) && !much {
			withheld = withheld || s.tooOld(e, now)
			i++
			continue
		}
		if err := s.forget(e, now); err != nil {
			return err
		}
		bytes -= e.bytes
		s.files = append(s.files[:i], s.files[i+1:]...)
	}
	if withheld && !s.noted {
		const note = "history %s: the clock jumped ahead by %s; nothing is deleted by age until that has lasted as long"
		s.cfg.Note(fmt.Sprintf(note, s.cfg.Dir, time.Duration(now-trusted).Round(time.Minute)))
	}
	s.noted = withheld
	return nil
}

func (s *store) tooOld(e *entry, now monitor.Time) bool {
	return s.cfg.Keep > 0 && e.end != 0 && now-e.end > monitor.Time(s.cfg.Keep)
}

// forget deletes a file. The file itself is deleted last, because a listed file that does not
// exist counts as removed by a user. If a crash leaves the file, the next writer takes it over
// and deletes it again.
func (s *store) forget(e *entry, now monitor.Time) error {
	if e.class == shortLives {
		s.state.began = max(s.state.began, min(e.end, now))
	}
	err := transaction(s.db, func(t *tx) {
		t.exec("DELETE FROM file WHERE path = ?", e.name)
		t.exec("DELETE FROM gap WHERE end < ?", int64(s.state.began))
		s.putState(t)
	})
	if err != nil {
		return named(s.path, err)
	}
	return removeDB(filepath.Join(s.cfg.Dir, e.name))
}
