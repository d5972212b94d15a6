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

// CreateOptions say how a file is created.
type CreateOptions struct {
	Force   bool // overwrite an existing file; it becomes readable by its owner only
	Append  bool // continue an existing file of lines, whose mode stays; a partial line at its end is cut off
	Binary  bool // the file has no lines: after an error only whole Writes are kept
	Patient bool // if the disk is full, Write keeps the rest in memory until Room finds space; with Binary
}

// File is an output file that contains whole lines only, even after the disk was full in
// the middle of one. It does not buffer: Write passes everything to the kernel.
type File struct {
	f    *os.File
	path string
	size int64 // bytes in the file, all of them whole lines
	o    CreateOptions
	cut  bool // a regular file, which can be truncated
	err  error
	kept []byte // patient: data without space on the disk
}

// Create creates an output file with mode 0600. An existing file is an error, unless o.Force is
// set; then it is emptied. Force rejects a symbolic link, a FIFO and a socket. It accepts a
// character device, and links in /dev such as /dev/stdout. Append accepts regular files only.
func Create(path string, o CreateOptions) (*File, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	old, err := os.Lstat(path)
	switch {
	case err != nil:
	case o.Append && !old.IsDir():
		if !old.Mode().IsRegular() {
			return nil, &createError{path + " is not a regular file: --append does not write to it", fs.ErrExist}
		}
		flags = os.O_RDWR | os.O_APPEND | syscall.O_NONBLOCK
	case o.Force:
		flags = os.O_WRONLY | syscall.O_NONBLOCK // a FIFO in its place now is an error
		if !old.IsDir() && !overwritable(path, old.Mode()) {
			return nil, &createError{path + " is not a regular file: --force does not overwrite it", fs.ErrExist}
		}
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, newCreateError(path, err)
	}
	info, err := f.Stat()
	if err == nil && old != nil && old.Mode().IsRegular() && !os.SameFile(old, info) {
		err = &createError{path + " was replaced while it was opened", fs.ErrExist}
	}
	if err == nil && o.Append && old != nil {
		size, err := lastLine(f, info.Size())
		if err == nil && size < info.Size() {
			err = f.Truncate(size)
		}
		if err != nil {
			_ = f.Close()
			return nil, &createError{path + ": " + reason(err).Error(), err}
		}
		return &File{f: f, path: path, o: o, cut: true, size: size}, nil
	}
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&^0o600 != 0 {
		err = f.Chmod(0o600)
	}
	if err == nil && o.Force && info.Mode().IsRegular() { // last, when nothing can fail
		err = f.Truncate(0)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &File{f: f, path: path, o: o, cut: info.Mode().IsRegular()}, nil
}

// maxTail is how many bytes a partial line at the end of a file may have.
const maxTail = 1 << 20

// lastLine returns where the last whole line of a file ends. It returns an error if that is more than maxTail before
// its end: such a file does not have lines.
func lastLine(f *os.File, size int64) (int64, error) {
	tail := make([]byte, min(size, maxTail))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0, err
	}
	end := bytes.LastIndexByte(tail, '\n') + 1
	if end == 0 && size > 0 {
		return 0, errors.New("it does not end in lines: --append continues files of lines only")
	}
	return size - int64(len(tail)-end), nil
}

// overwritable reports whether Force may write to an existing file. Only root makes devices and the links in /dev;
// other links and FIFOs may be another user's.
func overwritable(path string, mode fs.FileMode) bool {
	switch filepath.Dir(filepath.Clean(path)) {
	case "/dev", "/dev/fd":
		return true
	}
	return mode.IsRegular() || mode&fs.ModeCharDevice != 0
}

// createError says why a file could not be created, and what to do.
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
		text = path + " exists already; --force overwrites it"
	case errors.Is(err, fs.ErrNotExist):
		text = path + ": there is no directory " + filepath.Dir(path)
	}
	return &createError{text, err}
}

// Write writes whole lines. On an error it cuts off a partial line, and returns a
// [*WriteError] then and from every later Write.
func (f *File) Write(p []byte) (int, error) {
	if len(f.kept) > 0 {
		f.kept = append(f.kept, p...)
		return len(p), nil
	}
	n, err := f.write(p)
	if f.o.Patient && noRoom(err) {
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
	if !f.o.Binary {
		whole = bytes.LastIndexByte(p[:n], '\n') + 1
	}
	var cutErr error
	if f.cut && whole < n {
		cutErr = f.cutOff(int64(n - whole))
	}
	f.size += int64(whole)
	f.err = &WriteError{Path: f.path, Kept: f.size, Partial: !f.cut && whole < n || cutErr != nil, Err: reason(err)}
	return whole, f.err
}

// cutOff removes the last n bytes.
func (f *File) cutOff(n int64) error {
	end, err := f.f.Seek(0, io.SeekCurrent)
	if err == nil {
		err = f.f.Truncate(end - n)
	}
	if err == nil {
		_, err = f.f.Seek(end-n, io.SeekStart)
	}
	return err
}

// Moved reports whether the path of the file names another file now, or none.
func (f *File) Moved() bool {
	own, err := f.f.Stat()
	there, thereErr := os.Lstat(f.path)
	return err == nil && (thereErr != nil || !os.SameFile(own, there))
}

// Size returns how many bytes of whole lines are in the file.
func (f *File) Size() int64 { return f.size }

// Close closes the file. If there is no space for the data in memory, that data is lost and
// Close returns a [*WriteError].
func (f *File) Close() error {
	room := f.Room()
	if err := f.f.Close(); err != nil {
		return errors.Join(room, fmt.Errorf("output file %s: close: %w", f.path, reason(err)))
	}
	return room
}

// WriteError means that an output file does not contain all that was written.
type WriteError struct {
	Path    string
	Kept    int64 // bytes of whole lines that are in the file
	Partial bool  // a partial line, which could not be cut off, follows them
	Err     error // such as syscall.ENOSPC
}

// Error returns one line.
func (e *WriteError) Error() string {
	text := fmt.Sprintf("output file %s: %v; it keeps whole lines up to byte %d", e.Path, e.Err, e.Kept)
	if e.Partial {
		text += ", and a partial line behind them"
	}
	return text
}

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Err }

// reason returns an error of package os without the path, because a WriteError has it.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// noRoom reports whether an error means that the disk or the user's quota is full, so that the
// write can be tried again.
func noRoom(err error) bool {
	if w, ok := errors.AsType[*WriteError](err); ok && w.Partial {
		return false // the partial line would be written twice
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Room returns nil if the file contains everything that was written. Otherwise it tries again
// to write the data in memory, and returns a [*WriteError] if there is still no space. Memory
// grows with what is written meanwhile.
func (f *File) Room() error {
	if len(f.kept) == 0 {
		return nil
	}
	f.err = nil
	n, err := f.write(f.kept)
	if f.kept = f.kept[n:]; len(f.kept) == 0 {
		f.kept = nil
	}
	return err
}
