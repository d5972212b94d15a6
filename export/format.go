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

// IsBinary reports whether a format of [Formats] is not for people to read.
func IsBinary(format string) bool { return format == "pcapng" }

// Formats lists the formats that [New] knows.
func Formats() []Format {
	return []Format{
		{"pretty", "lines for people: what NAT makes of each flow, in colour on a terminal"},
		{"jsonl", "one JSON object a line, as docs/json.md specifies"},
		{"conntrack", "the lines of conntrack(8); with its modifiers: conntrack,id,timestamp,ktimestamp,extended,labels,xml,save"},
		{"csv", "comma-separated values with a header"},
		{"pcapng", "a capture file: each message as the kernel sent it, for Wireshark and for --from"},
	}
}

// FormatsHelp returns the names of the formats for a flag's help.
func FormatsHelp() string { return strings.Join(formatNames(), ", ") }

func formatNames() []string {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return names
}

// Options are what the formats take. The zero value is for a file: wide lines
// without colour.
type Options struct {
	Colour    bool                       // pretty: the terminal's colours
	Light     bool                       // pretty: those for a light background
	ASCII     bool                       // pretty: no other characters, for a locale without UTF-8
	Width     int                        // pretty: of the terminal; 0 means wide
	Location  *time.Location             // pretty, conntrack: nil means the local one
	LabelFile string                     // pretty, conntrack: connlabel.conf; "" means [LabelFile]
	Now       func() time.Time           // conntrack: nil means time.Now
	ProgName  func(portid uint32) string // conntrack: who caused an event, see [ProgName]; nil names nobody

	// Namespaces has the names of network namespaces, where several are watched;
	// nil: one is.
	Namespaces *monitor.Namespaces

	Application, Filter string // pcapng: who writes it, and what was wanted

	Notes io.Writer // conntrack: losses, which are no lines of the format; nil drops them
}

// New returns a sink that writes to w in a format of [Formats]. The name
// conntrack may have modifiers behind it: conntrack,id,timestamp.
func New(format string, w io.Writer, o Options) (monitor.Sink, error) {
	name, list, more := strings.Cut(format, ",")
	if more && name != "conntrack" {
		return nil, fmt.Errorf("output format %s takes no modifiers; conntrack does", name)
	}
	switch name {
	case "pretty":
		// Without their file, labels are shown by number.
		labels, _ := text.ReadLabels(o.LabelFile)
		return pretty.NewWriter(w, pretty.Options{Colour: o.Colour, Light: o.Light, ASCII: o.ASCII, Width: o.Width, Location: o.Location, Labels: labels, Namespaces: o.Namespaces}), nil
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
	return nil, formatError(name)
}

// formatError says what may have been meant; conntrack's -o words are not
// formats here.
func formatError(name string) error {
	for _, m := range conntrack.ModifierNames() {
		if strings.EqualFold(name, m) {
			return fmt.Errorf("unknown output format %q: did you mean conntrack,%s?", name, m)
		}
	}
	return text.UnknownWord("output format", name, formatNames())
}

// ExpectSink takes expectations, one a call. Close writes what the format ends with.
type ExpectSink interface {
	Write(*monitor.Expect) error
	Close() error
}

// NewExpects returns a sink of expectations in the format jsonl or conntrack. The
// name conntrack takes the modifiers xml and timestamp.
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
