package text

import (
	"io"
	"time"

	"natlens/monitor"
)

// Options are what the formats take. The zero value is for a file: wide lines without
// colour.
type Options struct {
	Colour    bool                       // pretty: the terminal's own sixteen colours
	Light     bool                       // pretty: colours for a light background
	ASCII     bool                       // pretty: only ASCII, for a locale without UTF-8
	Width     int                        // pretty: width of the terminal; below 100 lines are tighter; 0 means wide
	Location  *time.Location             // pretty, conntrack: nil means the local one
	LabelFile string                     // pretty, conntrack: connlabel.conf; "" means [LabelFile]
	Now       func() time.Time           // conntrack: for events without a time; nil means time.Now
	ProgName  func(portid uint32) string // conntrack: the program of a netlink port, "" if unknown; nil names none

	// Namespaces has the names of network namespaces, if several are watched.
	Namespaces *monitor.Namespaces

	Places  monitor.Places  // pretty, jsonl
	Gateway monitor.Gateway // jsonl: of events whose namespace has none; "": they have no gateway

	Application, Filter string    // pcapng: who writes it, and the filter of the events
	Continued           bool      // csv: the output has the header already
	Notes               io.Writer // conntrack: for losses, which have no line in the format; nil drops them
}
