package export

import (
	"fmt"
	"io"
	"strings"
	"time"

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
		labels, _ := ReadLabels(o.LabelFile)
		return NewPretty(w, PrettyOptions{Colour: o.Colour, Light: o.Light, Width: o.Width, Location: o.Location, Labels: labels, Namespaces: o.Namespaces}), nil
	case "jsonl":
		sink := NewJSONL(w)
		sink.Namespaces = o.Namespaces
		return sink, nil
	case "csv":
		sink := NewCSV(w)
		sink.Namespaces = o.Namespaces
		return sink, nil
	case "pcapng":
		return NewPCAPNG(w, PCAPNGOptions{Application: o.Application, Filter: o.Filter}), nil
	case "conntrack":
		m, err := ParseModifiers(list)
		if err == nil && more && list == "" {
			err = modifierError("")
		}
		if err != nil {
			return nil, err
		}
		return NewConntrack(w, ConntrackOptions{Modifiers: m, LabelFile: o.LabelFile, Location: o.Location,
			Now: o.Now, ProgName: o.ProgName, Notes: o.Notes, Namespaces: o.Namespaces}), nil
	}
	return nil, formatError(name)
}

// formatError says what may have been meant; conntrack's -o words are not
// formats here.
func formatError(name string) error {
	for _, m := range conntrackModifiers {
		if strings.EqualFold(name, m.name) {
			return fmt.Errorf("unknown output format %q: did you mean conntrack,%s?", name, m.name)
		}
	}
	return unknownWord("output format", name, formatNames())
}
