package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"natlens/export"
	"natlens/export/conntrack"
	"natlens/monitor"
)

// outputConfig says what the events become and where they go.
type outputConfig struct {
	format string
	path   string
	force  bool

	filter     string              // what is wanted, for a recording to tell
	namespaces *monitor.Namespaces // their names, where several are looked into

	recorded bool // the events are a recording's: processes here did not cause them
}

func (c *outputConfig) register(cmd *cobra.Command) {
	f := cmd.Flags()
	registerFormat(cmd, &c.format, "`format`: "+export.FormatsHelp()+" (default pretty on a terminal, else jsonl)")
	f.StringVar(&c.path, "output", "", "write to this new `file`, its owner's alone")
	f.BoolVar(&c.force, "force", false, "let --output overwrite a file")
	inGroup(f, groupOutput, "output-format", "output", "force")
	mustComplete(cmd, "output-format", completeFormat)
}

// check reports a format that there is none, without opening anything.
func (c *outputConfig) check() error {
	if c.format == "" {
		return nil
	}
	_, err := export.New(c.format, io.Discard, export.Options{})
	return formatError(err)
}

// formatError is the error of a command line that asks for a format that there is
// none.
func formatError(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// registerFormat registers -o.
func registerFormat(cmd *cobra.Command, format *string, usage string) {
	cmd.Flags().StringVarP(format, "output-format", "o", "", usage)
}

// output is an open sink and what it writes to.
type output struct {
	sink monitor.Sink
	file *export.File // nil: standard output
	n    countWriter
}

// open makes the sink, in a format that check has passed.
//
// netns is the namespace that is looked into, nil for the caller's.
func (c *outputConfig) open(con console, netns *os.File) (*output, error) {
	out := new(output)
	if c.path == "" {
		if _, ok := terminal(con.Stdout); ok && export.IsBinary(c.format) {
			return nil, usagef("-o %s is not for a terminal: --output FILE, or a pipe", c.format)
		}
		out.n.w = con.Stdout
	} else {
		file, err := export.Create(c.path, export.CreateOptions{Force: c.force, Binary: export.IsBinary(c.format)})
		if err != nil {
			return nil, err
		}
		out.file, out.n.w = file, file
	}
	width, isTerminal := terminal(con.Stdout)
	format := c.format
	switch {
	case format != "":
	case c.path == "" && isTerminal:
		format = "pretty"
	default:
		format = "jsonl"
	}
	options := export.Options{
		Colour:    c.path == "" && con.colour(con.Stdout),
		Light:     con.light(),
		Width:     width,
		LabelFile: con.LabelFile,
		Notes:     noted{con.Stderr},

		Application: "natlens " + versionText(),
		Filter:      c.filter,
	}
	options.Namespaces = c.namespaces
	if !c.recorded && c.namespaces == nil { // a port id means something in its own namespace only
		options.ProgName = conntrack.ProgName(netlinkTable(netns))
	}
	var err error
	out.sink, err = export.New(format, &out.n, options)
	if err != nil {
		return nil, errors.Join(err, out.closeFile())
	}
	return out, nil
}

// Close ends the sink and closes the file.
func (o *output) Close() error { return errors.Join(o.sink.Close(), o.closeFile()) }

func (o *output) closeFile() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}

// locals has the host's addresses written into a recording.
func (o *output) locals(l *monitor.Locals) {
	if sink, ok := o.sink.(interface{ Locals(*monitor.Locals) }); ok {
		sink.Locals(l)
	}
}

// written returns the bytes written so far.
func (o *output) written() uint64 {
	if r, ok := o.sink.(*export.Rotation); ok {
		return r.Written()
	}
	return o.n.n
}

// missing returns how many events a full disk has kept out of a recording.
func (o *output) missing() uint64 {
	if r, ok := o.sink.(*export.Rotation); ok {
		return r.Missing()
	}
	return 0
}

// countWriter counts what goes through it.
type countWriter struct {
	w io.Writer
	n uint64
}

func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += uint64(n)
	return n, err
}

// noted is standard error for lines that do not say who tells them.
type noted struct{ io.Writer }

func (t noted) Write(line []byte) (int, error) {
	if _, err := fmt.Fprintf(t.Writer, "natlens: %s", line); err != nil {
		return 0, err
	}
	return len(line), nil
}

// saves reports whether a format is that of command lines.
func saves(format string) bool {
	name, list, _ := strings.Cut(format, ",")
	m, _ := conntrack.ParseModifiers(list) // an error is told where the format is checked
	return name == "conntrack" && m.Save
}
