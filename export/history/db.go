package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Parameters of the file name with which a file is opened.
const (
	forWriting = "mode=rw&_pragma=busy_timeout(2000)&_pragma=synchronous(FULL)&_pragma=cache_size(-65536)" +
		"&_pragma=wal_autocheckpoint(4000)&_pragma=journal_size_limit(67108864)"
	forReading      = "mode=ro&_pragma=busy_timeout(2000)&_pragma=trusted_schema(0)"
	forReadingAlone = forReading + "&immutable=1" // without locks: for a file that nothing writes to
	forLocking      = "mode=rw&_pragma=busy_timeout(500)"
)

// openDB opens an SQLite file that exists, with one connection. A file that is not
// a regular one is rejected.
func openDB(path, how string) (*sql.DB, error) {
	for _, tail := range []string{"", "-wal", "-shm", "-journal"} {
		st, err := os.Lstat(path + tail)
		switch {
		case errors.Is(err, fs.ErrNotExist) && tail != "":
		case err != nil:
			return nil, err
		case !st.Mode().IsRegular():
			return nil, fmt.Errorf("%s: not a regular file", path+tail)
		}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	abs = filepath.ToSlash(abs)
	if abs[0] != '/' {
		abs = "/" + abs // file:///C:/…
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs, RawQuery: how}).String())
	if err != nil {
		return nil, named(path, err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// createDB makes an SQLite file, runs SQL in it, and opens it for writing. The
// file must not exist. Only its owner can read it, whatever the umask.
func createDB(path string, schema ...string) (*sql.DB, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	db, err := openDB(path, forWriting)
	if err == nil && schema != nil {
		const setup = "PRAGMA journal_mode=WAL; BEGIN; PRAGMA application_id=%d; PRAGMA user_version=%d; %s; COMMIT"
		if _, err = db.Exec(fmt.Sprintf(setup, applicationID, schemaVersion, strings.Join(schema, "; "))); err != nil {
			err = errors.Join(err, db.Close(), removeDB(path))
		}
	}
	return db, named(path, err)
}

// errUnfinished means that a crash happened before the file had its tables.
var errUnfinished = errors.New("the file has no tables")

// maxRow is the maximum size of a row. The longest that natlens writes has a namespace name of
// 4 KiB.
const maxRow = 64 << 10

// openFile is openDB for a file with exactly these tables and indexes: a view, trigger or
// generated column in it would run foreign code. Rows longer than maxRow are an error.
func openFile(ctx context.Context, path, how string, schema []string) (db *sql.DB, err error) {
	if db, err = openDB(path, how); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = db.Close()
			db, err = nil, named(path, err)
		}
	}()
	if err := limitLength(ctx, db, maxRow); err != nil {
		return db, err
	}
	var id, version int
	const pragmas = "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version"
	err = db.QueryRowContext(ctx, pragmas).Scan(&id, &version)
	var is []string
	if err == nil {
		is, err = texts(ctx, db, "SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY 1 LIMIT 100")
	}
	switch {
	case err != nil:
	case len(is) == 0 && id == 0:
		err = errUnfinished
	case id != applicationID || version != schemaVersion:
		err = errors.New("not a history file, or one of another version of natlens: use another directory")
	case !slices.Equal(is, slices.Sorted(slices.Values(schema))):
		err = errors.New("the file has tables, views or triggers that natlens did not make")
	}
	return db, err
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scan calls fn for every row of a query, with its columns in dest.
func scan(ctx context.Context, db querier, query string, args []any, fn func() error, dest ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := fn(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// texts returns the results of a query for one text column.
func texts(ctx context.Context, db querier, query string) (all []string, err error) {
	var text string
	err = scan(ctx, db, query, nil, func() error { all = append(all, text); return nil }, &text)
	return all, err
}

// tx is a transaction. After its first error it executes nothing more.
type tx struct {
	*sql.Tx
	err error
}

func (t *tx) exec(query string, args ...any) {
	if t.err == nil {
		_, t.err = t.Exec(query, args...)
	}
}

func (t *tx) prepare(query string) func(args ...any) {
	var s *sql.Stmt
	if t.err == nil {
		s, t.err = t.Prepare(query)
	}
	return func(args ...any) {
		if t.err == nil {
			_, t.err = s.Exec(args...)
		}
	}
}

// transaction runs fn in a transaction. It always rolls back after a failed commit, because
// that can leave the transaction open.
func transaction(db *sql.DB, fn func(*tx)) error {
	begun, err := db.Begin()
	if err != nil {
		return err
	}
	t := &tx{Tx: begun}
	if fn(t); t.err == nil {
		t.err = t.Commit()
	}
	if t.err != nil {
		_ = t.Rollback()
		_, _ = db.Exec("ROLLBACK")
	}
	return t.err
}

func named(path string, err error) error {
	if err == nil || strings.Contains(err.Error(), path) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// busy reports whether another connection has locked the file.
func busy(err error) bool {
	var e interface{ Code() int } // of the driver
	return errors.As(err, &e) && (e.Code()&0xff == 5 || e.Code()&0xff == 6)
}

const (
	openName = "open.sqlite"
	lockName = "lock"
)

// checkDir rejects a directory to which others can write.
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
