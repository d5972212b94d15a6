// Package text has what text formats share: a buffered line writer; numbers, addresses
// and times, written without allocation; names of labels; words for states, attributes
// and gaps.
package text

import "io"

// Lines is the output of a sink: the writer, a buffer that batches are written to, and
// the first error, after which nothing more is written.
type Lines struct {
	W   io.Writer
	Buf []byte
	Err error
}

// Begin returns the empty buffer, or the error that ended the sink.
func (l *Lines) Begin() ([]byte, error) { return l.Buf[:0], l.Err }

// Flush writes the buffer and keeps its memory for the next batch.
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
