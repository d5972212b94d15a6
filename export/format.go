package export

import (
	"fmt"
	"io"
	"strings"
	"time"

	"natlens/export/conntrack"
	"natlens/export/csv"
	"natlens/export/jsonl"
	"natlens/export/pcapng"
	"natlens/export/pretty"
	"natlens/export/text"
	"natlens/monitor"
)

// Format is one way to write events.
type Format struct {
	Name string
	Help string // one line
}

// IsBinary reports whether a format is not text.
func IsBinary(format string) bool { return format == "pcapng" }

// Formats lists the formats that [New] takes.
func Formats() []Format {
	return []Format{
		{"pretty", "lines for people: what NAT makes of each flow, in colour on a terminal"},
		{"jsonl", "one JSON object a line, as docs/json.md specifies"},
		{"conntrack", "the lines of conntrack(8); with its modifiers: " +
			"conntrack,id,timestamp,ktimestamp,extended,labels,xml,save"},
		{"csv", "comma-separated values with a header"},
		{"pcapng", "a capture file: each message as the kernel sent it, for Wireshark and for --from"},
	}
}

// FormatsHelp returns the names of the formats for the help of a flag.
func FormatsHelp() string { return strings.Join(formatNames(), ", ") }

func formatNames() (names []string) {
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return names
}

// Options are what the formats take. The zero value is for a file: wide lines without
// colour.
type Options struct {
	Colour    bool                       // pretty: the terminal's colours
	Light     bool                       // pretty: colours for a light background
	ASCII     bool                       // pretty: no other characters, for a locale without UTF-8
	Width     int                        // pretty: of the terminal; 0 means wide
	Location  *time.Location             // pretty, conntrack: nil means the local one
	LabelFile string                     // pretty, conntrack: connlabel.conf; "" means [text.LabelFile]
	Now       func() time.Time           // conntrack: nil means time.Now
	ProgName  func(portid uint32) string // conntrack: see [conntrack.ProgName]; nil names no program

	// Namespaces has the names of network namespaces, if several are watched.
	Namespaces *monitor.Namespaces

	Application, Filter string    // pcapng: who writes it, and the filter of the events
	Notes               io.Writer // conntrack: gets losses, which have no line in the format; nil drops them
}

// New returns a sink that writes to w in a format of [Formats]. The name conntrack may
// have modifiers behind it: conntrack,id,timestamp.
func New(format string, w io.Writer, o Options) (monitor.Sink, error) {
	name, list, more := strings.Cut(format, ",")
	if more && name != "conntrack" {
		return nil, fmt.Errorf("output format %s takes no modifiers; conntrack does", name)
	}
	switch name {
	case "pretty":
		labels, _ := text.ReadLabels(o.LabelFile) // without names labels are numbers
		return pretty.NewWriter(w, pretty.Options{Colour: o.Colour, Light: o.Light, ASCII: o.ASCII, Width: o.Width,
			Location: o.Location, Labels: labels, Namespaces: o.Namespaces}), nil
	case "jsonl":
		sink := jsonl.NewWriter(w)
		sink.Namespaces = o.Namespaces
		return sink, nil
	case "csv":
		sink := csv.NewWriter(w)
		sink.Namespaces = o.Namespaces
		return sink, nil
	case "pcapng":
		return pcapng.NewWriter(w, pcapng.Options{Application: o.Application, Filter: o.Filter}), nil
	case "conntrack":
		m, err := conntrack.ParseModifiers(list)
		if err == nil && more && list == "" {
			err = conntrack.UnknownModifier("")
		}
		if err != nil {
			return nil, err
		}
		return conntrack.NewWriter(w, conntrack.Options{Modifiers: m, LabelFile: o.LabelFile, Location: o.Location,
			Now: o.Now, ProgName: o.ProgName, Notes: o.Notes, Namespaces: o.Namespaces}), nil
	}
	for _, m := range conntrack.ModifierNames() { // conntrack(8) takes these for -o
		if strings.EqualFold(name, m) {
			return nil, fmt.Errorf("unknown output format %q: did you mean conntrack,%s?", name, m)
		}
	}
	return nil, text.UnknownWord("output format", name, formatNames())
}

// ExpectSink writes expectations, one a call. Close writes what ends the format.
type ExpectSink interface {
	Write(*monitor.Expect) error
	Close() error
}

// NewExpects returns a sink of expectations in the format jsonl, or conntrack with the
// modifiers xml and timestamp.
func NewExpects(format string, w io.Writer, o Options) (ExpectSink, error) {
	name, list, _ := strings.Cut(format, ",")
	switch {
	case name == "conntrack":
		m, err := conntrack.ParseModifiers(list)
		if err != nil {
			return nil, err
		}
		return conntrack.NewExpects(w, m, o.Location), nil
	case format == "jsonl":
		return jsonl.NewExpects(w), nil
	}
	return nil, fmt.Errorf("output format %s: expectations are written as conntrack or jsonl", format)
}

// FindingNotes writes findings as lines for people, beside a format that has no line for
// them. As a sink it drops events.
type FindingNotes struct{ W io.Writer }

// Write does nothing.
func (n FindingNotes) Write(*monitor.Batch) error { return nil }

// Close does nothing.
func (n FindingNotes) Close() error { return nil }

// Finding writes a line.
func (n FindingNotes) Finding(f *monitor.Finding) error {
	text.Note(n.W, "natlens: "+text.FindingText(f))
	return nil
}
