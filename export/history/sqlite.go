//go:build (linux && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || s390x)) || (darwin && (amd64 || arm64)) || (windows && (386 || amd64 || arm64)) || (freebsd && (amd64 || arm64)) || (netbsd && amd64) || (openbsd && (amd64 || arm64))

package history

import (
	"errors"
	"fmt"
	"unsafe"

	"modernc.org/libc"
	_ "modernc.org/sqlite" // sets the library up
	sqlite3 "modernc.org/sqlite/lib"
)

// Supported says whether there is SQLite for this platform, and so a Writer and
// a Reader that work.
const Supported = true

// db is one connection to an SQLite file, for one goroutine at a time.
//
// It calls the library below database/sql: a row costs a third of what it costs
// through the driver's interfaces, which box every value.
type db struct {
	tls  *libc.TLS
	h    uintptr // sqlite3*
	path string
}

// sqlError is an error of SQLite about one file.
type sqlError struct {
	path, op, text string
	code           int32 // extended result code
}

func (e *sqlError) Error() string { return fmt.Sprintf("%s: %s: %s", e.path, e.op, e.text) }

// full reports whether the disk had no room.
func full(err error) bool {
	var e *sqlError
	return errors.As(err, &e) && e.code&0xff == sqlite3.SQLITE_FULL
}

// busy reports whether another connection holds the file.
func busy(err error) bool {
	var e *sqlError
	return errors.As(err, &e) && (e.code&0xff == sqlite3.SQLITE_BUSY || e.code&0xff == sqlite3.SQLITE_LOCKED)
}

// How a file is opened.
const (
	openRead   = sqlite3.SQLITE_OPEN_READONLY | sqlite3.SQLITE_OPEN_NOMUTEX | sqlite3.SQLITE_OPEN_URI
	openWrite  = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_NOMUTEX | sqlite3.SQLITE_OPEN_URI
	openCreate = openWrite | sqlite3.SQLITE_OPEN_CREATE
)

// openDB opens the file; name is its path, or an SQLite URI that begins with file:.
func openDB(path, name string, flags int32) (*db, error) {
	d := &db{tls: libc.NewTLS(), path: path}
	z, err := libc.CString(name)
	if err != nil {
		d.tls.Close()
		return nil, err
	}
	defer libc.Xfree(d.tls, z)
	out := libc.Xmalloc(d.tls, libc.Tsize_t(unsafe.Sizeof(uintptr(0))))
	defer libc.Xfree(d.tls, out)
	rc := sqlite3.Xsqlite3_open_v2(d.tls, z, out, flags, 0)
	d.h = *cPointer[uintptr](out)
	if rc != sqlite3.SQLITE_OK {
		err := d.fail("open", rc)
		d.close()
		return nil, err
	}
	sqlite3.Xsqlite3_extended_result_codes(d.tls, d.h, 1)
	return d, nil
}

func (d *db) close() error {
	if d.tls == nil {
		return nil
	}
	rc := sqlite3.Xsqlite3_close_v2(d.tls, d.h)
	d.tls.Close()
	d.tls, d.h = nil, 0
	if rc != sqlite3.SQLITE_OK {
		return &sqlError{path: d.path, op: "close", text: "statements are open", code: rc}
	}
	return nil
}

func (d *db) fail(op string, rc int32) error {
	e := &sqlError{path: d.path, op: op, code: rc}
	e.text = libc.GoString(sqlite3.Xsqlite3_errstr(d.tls, rc))
	if d.h != 0 && sqlite3.Xsqlite3_extended_errcode(d.tls, d.h) == rc {
		e.text = libc.GoString(sqlite3.Xsqlite3_errmsg(d.tls, d.h))
	}
	return e
}

// exec runs SQL of any number of statements and drops what they answer.
func (d *db) exec(sql string) error {
	z, err := libc.CString(sql)
	if err != nil {
		return err
	}
	defer libc.Xfree(d.tls, z)
	if rc := sqlite3.Xsqlite3_exec(d.tls, d.h, z, 0, 0, 0); rc != sqlite3.SQLITE_OK {
		return d.fail("exec", rc)
	}
	return nil
}

// one runs a statement that answers one number.
func (d *db) one(sql string) (n int64, err error) {
	s, err := d.prepare(sql)
	if err != nil {
		return 0, err
	}
	defer s.close()
	if row, err := s.step(); err != nil || !row {
		return 0, err
	}
	return s.int(0), nil
}

// stmt is a prepared statement. Parameters count from 1, columns from 0.
type stmt struct {
	d     *db
	p     uintptr // sqlite3_stmt*
	blobs uintptr // blobSize bytes a parameter
	n     int
}

// blobSize is the longest blob that a parameter can take.
const blobSize = 32

func (d *db) prepare(sql string) (*stmt, error) {
	z, err := libc.CString(sql)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(d.tls, z)
	out := libc.Xmalloc(d.tls, libc.Tsize_t(unsafe.Sizeof(uintptr(0))))
	defer libc.Xfree(d.tls, out)
	if rc := sqlite3.Xsqlite3_prepare_v2(d.tls, d.h, z, -1, out, 0); rc != sqlite3.SQLITE_OK {
		return nil, d.fail("prepare", rc)
	}
	s := &stmt{d: d, p: *cPointer[uintptr](out)}
	s.n = int(sqlite3.Xsqlite3_bind_parameter_count(d.tls, s.p))
	s.blobs = libc.Xmalloc(d.tls, libc.Tsize_t(blobSize*max(s.n, 1)))
	return s, nil
}

func (s *stmt) close() {
	if s == nil || s.p == 0 {
		return
	}
	sqlite3.Xsqlite3_finalize(s.d.tls, s.p)
	libc.Xfree(s.d.tls, s.blobs)
	s.p = 0
}

func (s *stmt) bindInt(i int, v int64) {
	sqlite3.Xsqlite3_bind_int64(s.d.tls, s.p, int32(i), v)
}

func (s *stmt) bindNull(i int) { sqlite3.Xsqlite3_bind_null(s.d.tls, s.p, int32(i)) }

// bindBlob copies the blob, of at most blobSize bytes, to where SQLite finds it
// until the parameter is bound again.
func (s *stmt) bindBlob(i int, b []byte) {
	at := s.blobs + uintptr(blobSize*(i-1))
	n := copy(unsafe.Slice(cPointer[byte](at), blobSize), b)
	sqlite3.Xsqlite3_bind_blob(s.d.tls, s.p, int32(i), at, int32(n), 0)
}

// bindText is for rare use: it has SQLite copy the text.
func (s *stmt) bindText(i int, text string) error {
	z, err := libc.CString(text)
	if err != nil {
		return err
	}
	defer libc.Xfree(s.d.tls, z)
	const transient = ^uintptr(0) // SQLITE_TRANSIENT
	if rc := sqlite3.Xsqlite3_bind_text(s.d.tls, s.p, int32(i), z, int32(len(text)), transient); rc != sqlite3.SQLITE_OK {
		return s.d.fail("bind", rc)
	}
	return nil
}

// step goes to the next row; false is the end.
func (s *stmt) step() (row bool, err error) {
	switch rc := sqlite3.Xsqlite3_step(s.d.tls, s.p); rc {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	default:
		err = s.d.fail("step", rc)
		sqlite3.Xsqlite3_reset(s.d.tls, s.p)
		return false, err
	}
}

func (s *stmt) reset() { sqlite3.Xsqlite3_reset(s.d.tls, s.p) }

// run is a whole statement that answers nothing.
func (s *stmt) run() error {
	_, err := s.step()
	if err == nil {
		s.reset()
	}
	return err
}

func (s *stmt) int(i int) int64 { return sqlite3.Xsqlite3_column_int64(s.d.tls, s.p, int32(i)) }

// The types of columns that are told apart.
const (
	columnNull = sqlite3.SQLITE_NULL
	columnBlob = sqlite3.SQLITE_BLOB
)

// columns is how many columns the statement answers with.
func (s *stmt) columns() int { return int(sqlite3.Xsqlite3_column_count(s.d.tls, s.p)) }

// kind returns the type of a column.
func (s *stmt) kind(i int) int32 { return sqlite3.Xsqlite3_column_type(s.d.tls, s.p, int32(i)) }

// blob returns the bytes of a column, which are good until the next step.
func (s *stmt) blob(i int) []byte {
	p := sqlite3.Xsqlite3_column_blob(s.d.tls, s.p, int32(i))
	n := sqlite3.Xsqlite3_column_bytes(s.d.tls, s.p, int32(i))
	if p == 0 || n <= 0 {
		return nil
	}
	return unsafe.Slice(cPointer[byte](p), int(n))
}

func (s *stmt) text(i int) string { return string(s.blob(i)) }

// cPointer returns an address in the memory of the library, which Go's collector
// neither moves nor frees, as a pointer.
func cPointer[T any](at uintptr) *T { return *(**T)(unsafe.Pointer(&at)) }
