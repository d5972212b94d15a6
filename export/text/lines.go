// Package text has what text formats share: a buffered line writer, numbers, addresses
// and times without allocation, and the words for states and namespaces.
package text

import "io"

// Lines is what every sink stands on: the writer, one buffer that a batch is
// rendered into, and the first error.
type Lines struct {
	W   io.Writer
	Buf []byte
	Err error
}

// Begin returns the empty buffer, or the error that ended the sink.
func (l *Lines) Begin() ([]byte, error) { return l.Buf[:0], l.Err }

// Flush writes what was rendered and keeps the buffer for the next batch.
func (l *Lines) Flush(b []byte) error {
	l.Buf = b[:0]
	if len(b) == 0 {
		return nil
	}
	n, err := l.W.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	l.Err = err
	return err
}
