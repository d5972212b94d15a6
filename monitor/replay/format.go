package replay

import (
	"errors"
	"io"
)

// Format is one form of recordings: how it is recognized and read.
type Format struct {
	// Begins reports whether a recording of the format begins with head. That is
	// four bytes or more, fewer if the recording is shorter.
	Begins func(head []byte) bool

	// Open returns what reads the recording in the input, record by record.
	Open func(in *Input, cfg *Config) Step

	Remembers bool // events contain what their writer remembered of each flow
	Lines     bool // reading can begin after any line end
}

// ErrNoRecording means that a file is in no known format.
var ErrNoRecording = errors.New("neither JSON lines of natlens nor a netlink capture (pcapng, pcap)")

// detect chooses the format of the recording in the input.
func (c *Config) detect(in *Input) (*Format, error) {
	if _, err := in.r.Peek(4); err != nil && !errors.Is(err, io.EOF) && !cut(err) {
		return nil, err
	}
	for i := range c.Formats {
		if f := &c.Formats[i]; f.Begins(in.Unread()) {
			return f, nil
		}
	}
	return nil, ErrNoRecording
}
