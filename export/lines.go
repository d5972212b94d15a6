package export

import "io"

// lines is what every sink stands on: the writer, one buffer that a batch is
// rendered into, and the first error.
type lines struct {
	w   io.Writer
	buf []byte
	err error
}

// begin returns the empty buffer, or the error that ended the sink.
func (l *lines) begin() ([]byte, error) { return l.buf[:0], l.err }

// flush writes what was rendered and keeps the buffer for the next batch.
func (l *lines) flush(b []byte) error {
	l.buf = b[:0]
	if len(b) == 0 {
		return nil
	}
	n, err := l.w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	l.err = err
	return err
}
