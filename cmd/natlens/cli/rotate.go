package cli

import (
	"strings"
	"time"

	"natlens/export"
	"natlens/monitor/human"
)

// fileFlags say how the file of an output continues and when the next one begins. With one of them, or if the file is
// compressed, a full disk does not end the run: see [export.Rotation].
type fileFlags struct {
	path   string   // "": standard output
	force  bool     // overwrite a file
	more   bool     // --append
	rotate []string // a size, a time, or both
	keep   int      // how many files stay; 0: all
	always bool     // the file is a recording, also without these flags
}

// unpackedName is a path without the ending of its compression.
func unpackedName(path string) string {
	return strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".zst")
}

// rotates reports whether the output is written by a rotation.
func (f *fileFlags) rotates() bool {
	return f.path != "" && (f.always || f.more || len(f.rotate) > 0 || unpackedName(f.path) != f.path)
}

// check rejects flags that contradict each other, or the format of the output.
func (f *fileFlags) check(format string) error {
	switch {
	case f.path == "" && (f.more || len(f.rotate) > 0 || f.always && f.force):
		if f.always {
			return Usagef("--rotate and --force need a recording: record FILE")
		}
		return Usagef("--append and --rotate need --output FILE")
	case f.keep > 0 && len(f.rotate) == 0:
		return Usagef("--keep %d: a number of files needs --rotate", f.keep)
	case f.force && len(f.rotate) > 0:
		return Usagef("--force is not needed with --rotate: each file has a new name")
	case f.more && (f.force || len(f.rotate) > 0):
		return Usagef("--append continues one file: not together with --force or --rotate")
	case f.more && unpackedName(f.path) != f.path:
		return Usagef("--append %s: a compressed file cannot be continued; use --rotate", f.path)
	case f.more && (export.IsBinary(format) || strings.Contains(format, "xml")):
		return Usagef("--append: a file of -o %s cannot be continued; use --rotate", format)
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

// open opens the output as a rotation.
func (f *fileFlags) open(con Console, format string, o export.Options) (*export.Rotation, error) {
	size, every, err := f.limits()
	if err != nil {
		return nil, err
	}
	return export.NewRotation(export.RotationOptions{
		Path: f.path, Size: size, Every: every, Keep: f.keep, Notes: con.Stderr, Format: format, Options: o,
		Open: func(path string) (export.Part, error) {
			return export.CreatePart(path, export.CreateOptions{Force: f.force, Append: f.more})
		},
	})
}
