package export

import (
	"io"

	"natlens/export/text"
	"natlens/monitor"
)

// FindingNotes tells of findings where a format has no line for them. It is a
// sink that does nothing with events.
type FindingNotes struct{ W io.Writer }

// Write does nothing.
func (n FindingNotes) Write(*monitor.Batch) error { return nil }

// Close does nothing.
func (n FindingNotes) Close() error { return nil }

// Finding writes a note.
func (n FindingNotes) Finding(f *monitor.Finding) error {
	text.Note(n.W, "natlens: "+text.FindingText(f))
	return nil
}
