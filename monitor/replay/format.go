package replay

import (
	"errors"
	"io"

	"natlens/monitor"
)

// Format is one form of recordings: how it is recognized and read.
type Format struct {
	// Begins reports whether a recording of the format begins with head. That is
	// four bytes or more, fewer if the recording is shorter.
	Begins func(head []byte) bool

	// Open returns a reader of the recording in w. It reports to f what it cannot read.
	Open func(w *Window, f *Faults, cfg *Config) Reader

	Remembers bool // events contain what their writer remembered of each flow
	Lines     bool // reading can begin after any line end
}

// Reader reads one file of a recording. Next appends events to the empty batch, up
// to [monitor.BatchSize], and returns io.EOF at the end of the file. Events may point
// into the window until the next call.
type Reader interface {
	Next(b *monitor.Batch) error
}

// ErrNoRecording means that a file is in no known format.
var ErrNoRecording = errors.New("neither JSON lines of natlens nor a netlink capture (pcapng, pcap)")

// detect returns the format of the recording in w.
func (c *Config) detect(w *Window) (*Format, error) {
	for w.to < 4 && w.Fill() {
	}
	if w.to < 4 && w.Err != nil && !errors.Is(w.Err, io.EOF) && !Cut(w.Err) {
		return nil, w.Err
	}
	for i := range c.Formats {
		if f := &c.Formats[i]; f.Begins(w.Unread()) {
			return f, nil
		}
	}
	return nil, ErrNoRecording
}
