package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"natlens/export"
	"natlens/export/conntrack"
	"natlens/monitor"
)

// OutputFlags says in which format events are written, and where.
type OutputFlags struct {
	Format string
	file   fileFlags

	Gateway    monitor.Gateway     // the name of this gateway in JSON lines; "": none
	Filter     string              // the filter, for the header of a recording
	Namespaces *monitor.Namespaces // names of several network namespaces; nil for one
	Recorded   bool                // the events come from a recording, not from processes of this host
}

// Register adds all flags.
func (c *OutputFlags) Register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&c.Format, "output-format", "o", "", "`format`: "+strings.Join(export.FormatNames(), ", ")+
		" (default pretty on a terminal, else jsonl)")
	f.StringVar(&c.file.path, "output", "", "write to this new `file`, with mode 0600")
	f.BoolVar(&c.file.force, "force", false, "let --output overwrite a file")
	InGroup(f, GroupOutput, "output-format", "output", "force")
	MustComplete(cmd, "output-format", completeFormat)
	RegisterGateway(cmd, &c.Gateway)
}

// RegisterGateway adds --gateway.
func RegisterGateway(cmd *cobra.Command, g *monitor.Gateway) {
	cmd.Flags().Var(Value{Read: func(text string) (err error) {
		if *g = ""; text != "" {
			*g, err = monitor.ParseGateway(text)
		}
		return err
	}, Kind: "NAME"}, "gateway", "write this `name` of the gateway in JSON lines, and labels after commas: "+
		"fra1-a,site=fra1")
	InGroup(cmd.Flags(), GroupOutput, "gateway")
}

// RegisterRotate adds --rotate. The number of files is in --keep, which [HistoryFlags] read.
func (c *OutputFlags) RegisterRotate(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&c.file.rotate, "rotate", nil,
		"start a new file at this `limit`: a size such as 100MiB, or a time such as 1h; give it twice for both")
	InGroup(cmd.Flags(), GroupOutput, "rotate")
}

// RegisterAppend adds --append.
func (c *OutputFlags) RegisterAppend(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.file.more, "append", false, "let --output continue a file of lines; natlens cuts off a "+
		"partial line at its end")
	InGroup(cmd.Flags(), GroupOutput, "append")
}

// Keep sets how many files of a rotation stay; 0: all.
func (c *OutputFlags) Keep(files int) { c.file.keep = files }

// Record makes the output a recording: JSON lines if the name of the file ends in .jsonl, .jsonl.gz or .jsonl.zst,
// otherwise pcapng. Without a path the output drops all events.
func (c *OutputFlags) Record(path string, force bool) {
	c.file.path, c.file.force, c.file.always = path, force, true
	switch {
	case path == "":
	case strings.HasSuffix(unpackedName(path), ".jsonl"):
		c.Format = "jsonl"
	default:
		c.Format = "pcapng"
	}
}

// RegisterHidden adds -o, hidden: the command writes events only with it.
func (c *OutputFlags) RegisterHidden(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.Format, "output-format", "o", "", "")
	cmd.Flags().Lookup("output-format").Hidden = true
}

// Check rejects an unknown format, and flags that contradict each other.
func (c *OutputFlags) Check() error {
	if c.Format != "" {
		if _, err := export.New(c.Format, io.Discard, export.Options{}); err != nil {
			return Usage(err)
		}
	}
	return c.file.check(c.Format)
}

// Path is the file of --output or of the recording; "": standard output.
func (c *OutputFlags) Path() string { return c.file.path }

// Output is an open sink with its writer.
type Output struct {
	Sink   monitor.Sink
	Binary bool // the format has no lines
	N      CountWriter

	file     *export.File     // nil: standard output or a rotation
	rotation *export.Rotation // nil: standard output or one file
}

// Open opens the sink. Call Check before it. netns is the descriptor of the network namespace, which must
// be open until Close; 0: the caller's.
func (c *OutputFlags) Open(con Console, netns int) (*Output, error) {
	if c.file.always && c.file.path == "" {
		return &Output{Sink: nowhere{}, N: CountWriter{W: io.Discard}}, nil
	}
	out := &Output{Binary: export.IsBinary(c.Format)}
	if _, ok := Terminal(con.Stdout); ok && out.Binary && c.file.path == "" {
		return nil, Usagef("-o %s cannot be printed on a terminal: use --output FILE or a pipe", c.Format)
	}
	width, format := 0, cmp.Or(c.Format, "jsonl")
	if c.file.path == "" {
		width, _ = Terminal(con.Stdout)
		format = con.Format(c.Format, "pretty", "jsonl")
	}
	options := export.Options{
		Colour:    c.file.path == "" && con.Colour(con.Stdout),
		Light:     con.Light(),
		ASCII:     con.ASCII(),
		Width:     width,
		LabelFile: con.LabelFile,
		Notes:     noted{con.Stderr},

		Application: "natlens " + VersionText(),
		Filter:      c.Filter,
	}
	options.Namespaces, options.Places, options.Gateway = c.Namespaces, con.Places, c.Gateway
	if !c.Recorded && c.Namespaces == nil { // a port id is unique only in its namespace
		options.ProgName = conntrack.ProgName(netlinkTable(netns))
	}
	if c.file.rotates() {
		rotation, err := c.file.open(con, format, options)
		out.rotation, out.Sink, out.N.W = rotation, rotation, io.Discard
		return out, err
	}
	out.N.W = con.Stdout
	if c.file.path != "" {
		file, err := export.Create(c.file.path, export.CreateOptions{Force: c.file.force, Binary: out.Binary})
		if err != nil {
			return nil, err
		}
		out.file, out.N.W = file, file
	}
	var err error
	if out.Sink, err = export.New(format, &out.N, options); err != nil {
		return nil, errors.Join(err, out.closeFile())
	}
	return out, nil
}

// nowhere drops all events.
type nowhere struct{}

func (nowhere) Write(*monitor.Batch) error { return nil }
func (nowhere) Close() error               { return nil }

// Close ends the sink, and closes the file or waits until standard output is read.
func (o *Output) Close() error {
	err := errors.Join(o.Sink.Close(), o.closeFile())
	if to := o.Outlet(); to != nil && err == nil {
		err = to.Flush()
	}
	return err
}

// Outlet returns standard output if a program or terminal reads it, otherwise nil.
func (o *Output) Outlet() *export.Outlet {
	to, _ := o.N.W.(*export.Outlet)
	return to
}

func (o *Output) closeFile() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}

// Reopen makes a rotation begin its next file, or open its file again if that was moved away. It returns false if the
// output is not a rotation.
func (o *Output) Reopen() bool {
	if o.rotation != nil {
		o.rotation.Reopen()
	}
	return o.rotation != nil
}

// Written returns how many bytes were written so far.
func (o *Output) Written() uint64 {
	if o.rotation != nil {
		return o.rotation.Written()
	}
	return o.N.n
}

// Missing returns how many events are not in a recording because the disk was full.
func (o *Output) Missing() uint64 {
	if o.rotation != nil {
		return o.rotation.Missing()
	}
	return 0
}

// CountWriter counts the bytes that are written to W.
type CountWriter struct {
	W io.Writer
	n uint64
}

func (c *CountWriter) Write(p []byte) (int, error) {
	n, err := c.W.Write(p)
	c.n += uint64(n)
	return n, err
}

// noted writes lines with "natlens: " before each.
type noted struct{ io.Writer }

func (t noted) Write(line []byte) (int, error) {
	if _, err := fmt.Fprintf(t.Writer, "natlens: %s", line); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Saves reports whether the format is command lines (-o save).
func (c *OutputFlags) Saves() bool {
	name, list, _ := strings.Cut(c.Format, ",")
	m, _ := conntrack.ParseModifiers(list) // Check reports an error
	return name == "conntrack" && m.Save
}

// EveryNeeds rejects, for --netns all, a format that cannot contain the name of a namespace.
func (c *OutputFlags) EveryNeeds() error {
	if c.Format == "pcapng" || c.Saves() {
		return Usagef("-o %s cannot contain network namespaces: not together with --netns all", c.Format)
	}
	return nil
}
