package cli

import (
	"bytes"
	"io"

	"natlens/export/text"
	"natlens/monitor"
)

// messages is standard error for text that may contain anything: arguments, file names,
// names from the kernel and from recordings, errors. Each Write is one line. Characters
// that would move the cursor, change colours, turn the writing direction or begin another
// line become visible escapes, once.
type messages struct {
	w     io.Writer
	ascii bool
}

// WithMessages returns the console with a standard error that is safe to print anything
// to.
func (c Console) WithMessages() Console {
	c.Stderr = messages{c.Stderr, c.ASCII()}
	return c
}

// Screen returns the writer behind standard error, for drawings in colour.
func Screen(w io.Writer) io.Writer {
	if m, ok := w.(messages); ok {
		return m.w
	}
	return w
}

func (m messages) Write(p []byte) (int, error) {
	line, ended := bytes.CutSuffix(p, []byte("\n"))
	b := monitor.AppendMessage(nil, line)
	if ended {
		b = append(b, '\n')
	}
	if m.ascii {
		b = text.ASCII(b)
	}
	if _, err := m.w.Write(b); err != nil {
		return 0, err
	}
	return len(p), nil
}
