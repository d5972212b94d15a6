package cli

import (
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/export"
	"natlens/export/pcapng"
	"natlens/monitor"
	"natlens/monitor/human"
)

// fileFlags say how the file of an output continues and when the next one begins. With one of them, or if the file is
// compressed, a full disk does not end the run: see [export.Rotation].
type fileFlags struct {
	more   bool     // --append
	rotate []string // a size, a time, or both
	keep   int      // how many files stay; 0: all
	always bool     // the file is a recording, also without these flags
}

// RegisterRotate adds --rotate. The number of files is in --keep, which [HistoryFlags] read.
func (c *OutputFlags) RegisterRotate(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&c.file.rotate, "rotate", nil,
		"start a new file at this `limit`: a size such as 100MiB, or a time such as 1h; give it twice for both")
	InGroup(cmd.Flags(), GroupOutput, "rotate")
	NoComplete(cmd, "rotate")
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
// otherwise pcapng. Without a path nothing is recorded.
func (c *OutputFlags) Record(path string, force bool) {
	c.path, c.force, c.file.always = path, force, true
	switch {
	case path == "":
	case strings.HasSuffix(unpackedName(path), ".jsonl"):
		c.Format = "jsonl"
	default:
		c.Format = "pcapng"
	}
}

// unpackedName is a path without the ending of its compression.
func unpackedName(path string) string {
	return strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".zst")
}

// rotates reports whether the output is written by a rotation.
func (c *OutputFlags) rotates() bool {
	f := &c.file
	return c.path != "" && (f.always || f.more || len(f.rotate) > 0 || unpackedName(c.path) != c.path)
}

// checkFile rejects flags of the file that contradict each other.
func (c *OutputFlags) checkFile() error {
	f := &c.file
	switch {
	case c.path == "" && (f.more || len(f.rotate) > 0 || f.always && c.force):
		if f.always {
			return Usagef("--rotate and --force need a recording: record FILE")
		}
		return Usagef("--append and --rotate need --output FILE")
	case f.keep > 0 && len(f.rotate) == 0:
		return Usagef("--keep %d: a number of files needs --rotate", f.keep)
	case c.force && len(f.rotate) > 0:
		return Usagef("--force is not needed with --rotate: each file has a new name")
	case f.more && (c.force || len(f.rotate) > 0):
		return Usagef("--append continues one file: not together with --force or --rotate")
	case f.more && unpackedName(c.path) != c.path:
		return Usagef("--append %s: a compressed file cannot be continued; use --rotate", c.path)
	case f.more && (export.IsBinary(c.Format) || strings.Contains(c.Format, "xml")):
		return Usagef("--append: a file of -o %s cannot be continued; use --rotate", c.Format)
	}
	_, _, err := f.limits()
	return err
}

// minRotate is the smallest size for --rotate, in bytes. A smaller number has probably lost its unit.
const minRotate = 4 << 10

// limits reads --rotate. 0: no limit.
func (f *fileFlags) limits() (size int64, every time.Duration, err error) {
	for _, text := range f.rotate {
		n, noSize := ParseSize(text, MaxSize)
		isSize := noSize == nil
		span, err := time.ParseDuration(text)
		isTime := err == nil && span >= time.Second
		switch {
		case isSize && n < minRotate:
			return 0, 0, Usagef("--rotate %s: %s; must be at least 4KiB, or a time with a unit such as 1h",
				text, human.Plural(n, "byte"))
		case isSize && size == 0:
			size = n
		case isTime && every == 0:
			every = span
		case isSize || isTime:
			return 0, 0, Usagef("--rotate %s: give at most one size and one time", text)
		default:
			return 0, 0, Usagef("--rotate %s: not a size such as 100MiB, nor a time of a second or more such as 1h",
				text)
		}
	}
	return size, every, nil
}

// rotation opens the output as a rotation.
func (c *OutputFlags) rotation(con Console, format string, o export.Options) (*export.Rotation, error) {
	size, every, err := c.file.limits()
	if err != nil {
		return nil, err
	}
	to := export.RotationOptions{
		Path: c.path, Size: size, Every: every, Keep: c.file.keep, Notes: con.Stderr,
		Open: func(path string) (export.Part, error) {
			return export.CreatePart(path, export.CreateOptions{Force: c.force, Append: c.file.more})
		},
		Capture: pcapng.Options{Application: o.Application, Filter: o.Filter},
	}
	if !export.IsBinary(format) {
		to.Sink = func(w io.Writer) monitor.Sink {
			o := o
			if part, ok := w.(export.Part); ok {
				o.Continued = part.Size() > 0
			}
			sink, _ := export.New(format, w, o) // Open has called it with the same format
			return sink
		}
	}
	return export.NewRotation(to)
}
