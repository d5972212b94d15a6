package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// CreateOptions say how a file is made.
type CreateOptions struct {
	Force  bool // write over a file that exists; it becomes readable by its owner only
	Binary bool // the file has no lines: after an error only whole Writes are kept

	// Patient has Write keep in memory what the disk has no room for, and take
	// more behind it, until Room finds room: see there. It goes with Binary.
	Patient bool
}

// File is an output file that holds whole lines only, also after the disk was
// full in the middle of one. It does not buffer: what Write returned from has
// been given to the kernel.
type File struct {
	f      *os.File
	path   string
	size   int64 // bytes written, all of them whole lines
	binary bool
	cut    bool // the file is a regular one: it can be cut
	err    error

	patient bool
	kept    []byte // what there was no room for
}

// Create makes an output file with mode 0600. A file that exists already is an
// error unless o.Force is set; then it is emptied. Force also takes what is no
// regular file (a pipe, a terminal) as it is.
func Create(path string, o CreateOptions) (*File, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.Force {
		flags = os.O_WRONLY | os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, newCreateError(path, err)
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&^0o600 != 0 {
		err = f.Chmod(0o600)
	}
	if err == nil && o.Force && info.Mode().IsRegular() { // only now that it is to be had
		err = f.Truncate(0)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &File{f: f, path: path, binary: o.Binary, patient: o.Patient, cut: info.Mode().IsRegular()}, nil
}

// createError is why a file could not be made, in words that say what to do.
type createError struct {
	text string
	err  error
}

func (e *createError) Error() string { return "output file " + e.text }
func (e *createError) Unwrap() error { return e.err }

func newCreateError(path string, err error) error {
	text := path + ": " + reason(err).Error()
	info, statErr := os.Stat(path)
	switch {
	case statErr == nil && info.IsDir():
		text, err = path+" is a directory", syscall.EISDIR
	case errors.Is(err, fs.ErrExist):
		text = path + " exists already; --force writes over it"
	case errors.Is(err, fs.ErrNotExist):
		text = path + ": there is no directory " + filepath.Dir(path)
	}
	return &createError{text, err}
}

// Write writes whole lines. On an error it cuts off what was written of a line,
// and returns a [*WriteError] then and for every later Write.
func (f *File) Write(p []byte) (int, error) {
	if len(f.kept) > 0 {
		f.kept = append(f.kept, p...)
		return len(p), nil
	}
	n, err := f.write(p)
	if f.patient && noRoom(err) {
		f.kept = append(f.kept, p[n:]...)
		return len(p), nil
	}
	return n, err
}

func (f *File) write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.f.Write(p)
	if err == nil {
		f.size += int64(n)
		return n, nil
	}
	whole := 0
	if !f.binary {
		whole = bytes.LastIndexByte(p[:n], '\n') + 1
	}
	var cutErr error
	if f.cut && whole < n {
		if cutErr = f.f.Truncate(f.size + int64(whole)); cutErr == nil {
			_, cutErr = f.f.Seek(f.size+int64(whole), io.SeekStart)
		}
	}
	f.size += int64(whole)
	f.err = &WriteError{Path: f.path, Kept: f.size, Partial: !f.cut && whole < n || cutErr != nil, Err: reason(err)}
	return whole, f.err
}

// Path returns the path as it was given.
func (f *File) Path() string { return f.path }

// Size returns how many bytes of whole lines were written.
func (f *File) Size() int64 { return f.size }

// Close closes the file. What there is no room for is lost, and the error says so.
func (f *File) Close() error {
	room := f.Room()
	if err := f.f.Close(); err != nil {
		return errors.Join(room, fmt.Errorf("output file %s: close: %w", f.path, reason(err)))
	}
	return room
}

// WriteError says that an output file could not take all that was written.
type WriteError struct {
	Path    string
	Kept    int64 // bytes of whole lines that are in the file
	Partial bool  // a part of a line could not be cut off and stands behind them
	Err     error // syscall.ENOSPC and the like
}

// Error returns one line.
func (e *WriteError) Error() string {
	text := fmt.Sprintf("output file %s: %v; it keeps whole lines up to byte %d", e.Path, e.Err, e.Kept)
	if e.Partial {
		text += ", and a part of a line behind them"
	}
	return text
}

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Err }

// reason takes the path off an error of package os: WriteError names it.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
