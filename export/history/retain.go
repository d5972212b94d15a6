package history

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"natlens/monitor"
)

// retainEvery is how often retention runs.
const retainEvery = time.Minute

// upkeep is what follows a commit: it completes files that are full or old, and
// deletes what is too old or too much.
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

// retain deletes files that are too old by the trusted time, and the oldest of
// those that are too much. Files that are being written stay.
func (s *store) retain(now, trusted monitor.Time) error {
	bytes, withheld := s.size(), false
	for i := 0; i < len(s.files); {
		e := &s.files[i]
		// Files of long lives are few and fill slowly: by number, the first file
		// is the oldest all the same.
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

// forget deletes a file. The file goes last: a file that is listed and does not
// exist was removed by somebody else. A file that a crash leaves here is taken
// over by the next writer, and deleted again.
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
