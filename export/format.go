package export

import (
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"natlens/export/conntrack"
	"natlens/export/csv"
	"natlens/export/jsonl"
	"natlens/export/pcapng"
	"natlens/export/pretty"
	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/replay"
)

// IsBinary reports whether a format is not text.
func IsBinary(format string) bool { return format == "pcapng" }

// Options are the options of the formats.
type Options = text.Options

// Format is one way to write events.
type Format struct {
	Name string
	Help string // one line

	open func(w io.Writer, o Options, modifiers string) (monitor.Sink, error) // modifiers: of conntrack
}

// Formats are the formats of New.
var Formats = []Format{
	{"pretty", "lines for people: what NAT makes of each flow, in colour on a terminal",
		func(w io.Writer, o Options, _ string) (monitor.Sink, error) { return pretty.NewWriter(w, o), nil }},
	{"jsonl", "one JSON object a line, for programs",
		func(w io.Writer, o Options, _ string) (monitor.Sink, error) {
			sink := jsonl.NewWriter(w)
			sink.Namespaces, sink.Places, sink.Gateway = o.Namespaces, o.Places, o.Gateway
			return sink, nil
		}},
	{"conntrack", "the lines of conntrack(8); with its modifiers: " +
		"conntrack,id,timestamp,ktimestamp,extended,labels,xml,save",
		func(w io.Writer, o Options, list string) (monitor.Sink, error) {
			m, err := conntrack.ParseModifiers(list)
			if err != nil {
				return nil, err
			}
			return conntrack.NewWriter(w, m, o), nil
		}},
	{"csv", "comma-separated values with a header",
		func(w io.Writer, o Options, _ string) (monitor.Sink, error) {
			sink := csv.NewWriter(w)
			sink.Namespaces, sink.Continued = o.Namespaces, o.Continued
			return sink, nil
		}},
	{"pcapng", "a capture file: each message as the kernel sent it, for Wireshark and for --from",
		func(w io.Writer, o Options, _ string) (monitor.Sink, error) {
			return pcapng.NewWriter(w, o), nil
		}},
}

// FormatNames returns the names of the formats.
func FormatNames() (names []string) {
	for _, f := range Formats {
		names = append(names, f.Name)
	}
	return names
}

// New returns a sink that writes to w in a format of [Formats]. The name conntrack may be
// followed by modifiers: conntrack,id,timestamp.
func New(format string, w io.Writer, o Options) (monitor.Sink, error) {
	name, list, more := strings.Cut(format, ",")
	switch {
	case more && name != "conntrack":
		return nil, fmt.Errorf("output format %s takes no modifiers; conntrack does", name)
	case more && list == "":
		return nil, conntrack.UnknownModifier("")
	}
	for _, f := range Formats {
		if f.Name == name {
			return f.open(w, o, list)
		}
	}
	for _, m := range conntrack.ModifierNames() { // conntrack(8) accepts these for -o
		if strings.EqualFold(name, m) {
			return nil, fmt.Errorf("unknown output format %q: did you mean conntrack,%s?", name, m)
		}
	}
	return nil, human.UnknownWord("output format", name, FormatNames())
}

// ExpectSink writes expectations, one in each call. Close writes the end of the format.
type ExpectSink interface {
	Expect(*monitor.Expect) error
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
		m.Labels = false
		return conntrack.NewWriter(w, m, o), nil
	case format == "jsonl":
		return jsonl.NewWriter(w), nil
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

// Reading returns the configuration with all formats of recordings (JSON lines, pcapng and
// pcap) and with zstd.
func Reading(cfg replay.Config) replay.Config {
	cfg.Formats = []replay.Format{jsonl.Format, pcapng.Format, pcapng.PCAP}
	cfg.Zstd = unpackZstd
	return cfg
}

// unpackZstd unpacks in bounded memory, without a goroutine.
func unpackZstd(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20),
		zstd.WithDecoderLowmem(true))
}
