// Package csv writes events as comma-separated values. docs/csv.md says what the columns
// contain.
package csv

import (
	"io"

	"natlens/export/text"
	"natlens/monitor"
)

// Header is the first line.
var Header = func() (names string) {
	for _, c := range columns {
		names += "," + c.name
	}
	return names[1:]
}()

// Writer writes a line for each event, quoted by RFC 4180 and ended by LF. An unknown value is
// an empty cell.
//
// Spreadsheets read a cell that begins with = + - or @ as a formula, even if it is quoted. Such
// cells with untrusted text (helper, secctx, netns) get an apostrophe before it.
type Writer struct {
	// Namespaces has the names of network namespaces, if several are watched.
	Namespaces *monitor.Namespaces

	// Continued means that the header is written already.
	Continued bool

	out  text.Lines
	line line
}

// NewWriter returns a sink of comma-separated values.
func NewWriter(w io.Writer) *Writer { return &Writer{out: text.Lines{W: w}} }

// Write writes the events of the batch with one Write, the first time after the header.
func (c *Writer) Write(batch *monitor.Batch) error {
	return c.out.Append(func(b []byte) []byte {
		if !c.Continued {
			c.Continued = true
			b = append(b, Header+"\n"...)
		}
		l := &c.line
		for i := range batch.Events {
			l.set(&batch.Events[i], c.Namespaces.Name(batch.Events[i].NetNS()))
			for _, column := range columns {
				b = append(l.append(b, column.cell(l)), ',')
			}
			b[len(b)-1] = '\n'
		}
		return b
	})
}

// Close writes the header if there was no event. It returns the error that ended the
// sink, if any.
func (c *Writer) Close() error { return c.Write(new(monitor.Batch)) }
