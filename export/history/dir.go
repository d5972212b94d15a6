package history

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	openName = "open.sqlite"
	lockName = "lock"
)

// checkDir rejects a directory to which others can write, and one with files of a history that
// this version does not read.
func checkDir(dir string, writing bool) error {
	st, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !st.IsDir():
		return fmt.Errorf("%s: not a directory", dir)
	}
	if err := onlyOurs(st, writing); err != nil {
		return fmt.Errorf("%s: %w; a history needs a directory that only its owner can write to", dir, err)
	}
	if above := replaceable(dir); above != "" {
		return fmt.Errorf("%s: others can write to %s and replace what is in it: remove that permission, or set its "+
			"sticky bit", dir, above)
	}
	for _, name := range []string{"catalog.sqlite", "open.journal"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s: its history has a format that natlens cannot read (%s): use another directory",
				dir, name)
		}
	}
	return nil
}

// replaceable returns the directory above dir, by its name or by links, in which others can
// rename files of its owner, or "".
func replaceable(dir string) string {
	name, _ := filepath.Abs(dir)
	real, _ := filepath.EvalSymlinks(name)
	for _, path := range []string{name, real} {
		for path != "" && path != filepath.Dir(path) {
			path = filepath.Dir(path)
			if st, err := os.Stat(path); err == nil && openToAll(st.Mode()) {
				return path
			}
		}
	}
	return ""
}

func removeDB(path string) (failed error) {
	for _, tail := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + tail); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// sizeOf returns the size of an SQLite file with its log.
func sizeOf(path string) (bytes int64) {
	for _, tail := range []string{"", "-wal"} {
		if st, err := os.Lstat(path + tail); err == nil {
			bytes += st.Size()
		}
	}
	return bytes
}

// hasLog reports whether the file has a write-ahead log: it is being written, or a crash or a
// reader left the log. Other files are read without locks.
func hasLog(path string) bool {
	_, err := os.Lstat(path + "-wal")
	return err == nil
}

// lockDir takes the writer's lock. It is an SQLite lock, which all platforms have and which
// ends with the process. Close the returned database to release it.
func lockDir(dir string) (*sql.DB, error) {
	path := filepath.Join(dir, lockName)
	db, err := createDB(path)
	if errors.Is(err, fs.ErrExist) {
		db, err = openDB(path, forLocking)
	}
	if err != nil {
		return nil, err
	}
	// A reader that tests the lock holds it for a moment, so wait.
	if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
		db.Close()
		if busy(err) {
			return nil, fmt.Errorf("%s: %w", dir, ErrLocked)
		}
		return nil, named(path, err)
	}
	return db, nil
}

func locked(dir string) bool {
	db, err := openDB(filepath.Join(dir, lockName), strings.Replace(forReading, "2000", "0", 1))
	if err != nil {
		return false
	}
	defer db.Close()
	return busy(db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(new(int)))
}
