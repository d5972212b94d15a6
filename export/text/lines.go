// Package text has what text formats share: a buffered line writer; numbers, addresses
// and times, written without allocation; names of labels; words for states, attributes
// and gaps.
package text

import (
	"io"

	"natlens/monitor"
)

// Lines is the output of a sink: the writer, a buffer for batches, and the first error, after
// which nothing more is written.
type Lines struct {
	W   io.Writer
	buf []byte
	err error
}

// Append writes what f appends to the empty buffer, with one Write.
func (l *Lines) Append(f func(b []byte) []byte) error {
	if l.err != nil {
		return l.err
	}
	l.buf = f(l.buf[:0])
	if len(l.buf) == 0 {
		return nil
	}
	n, err := l.W.Write(l.buf)
	if err == nil && n < len(l.buf) {
		err = io.ErrShortWrite
	}
	l.err = err
	return err
}

// Events is Append of each event of a batch.
func (l *Lines) Events(batch *monitor.Batch, f func(b []byte, e *monitor.Event) []byte) error {
	return l.Append(func(b []byte) []byte {
		for i := range batch.Events {
			b = f(b, &batch.Events[i])
		}
		return b
	})
}

// Err returns the error that ended the sink, if any.
func (l *Lines) Err() error { return l.err }
