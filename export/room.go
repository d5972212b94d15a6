package export

import (
	"errors"
	"syscall"
)

// noRoom reports whether an error says that the disk is full, or the user's share
// of it: what may pass.
func noRoom(err error) bool {
	if w, ok := errors.AsType[*WriteError](err); ok && w.Partial {
		return false // what stands there can't be taken back, and would stand there twice
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Room returns nil if all that was written stands in the file. Otherwise the disk
// was full: it tries again to bring there what a patient file keeps in memory, and
// returns a [*WriteError] if there is still no room. Who goes on writing until
// there is fills the memory.
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

// Flush is Room: a file does not buffer otherwise.
func (f *File) Flush() error { return f.Room() }
