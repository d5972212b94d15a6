package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"natlens/monitor"
)

// Recording is one recording, in one file or in several that follow each other.
// It can be opened any number of times.
type Recording struct {
	parts []part
	cfg   Config
}

// Config is how recordings are read. The zero value works.
type Config struct {
	// Formats are the forms of recordings that can be read.
	Formats []Format

	// Zstd unpacks zstd, for which the standard library has nothing; nil: such
	// recordings are refused.
	Zstd func(io.Reader) (io.Reader, error)

	// Locals is called when a capture tells the host's addresses, by the
	// goroutine that calls Next, before the events that they hold for. Nil: the
	// paths of its flows are not known.
	Locals func(*monitor.Locals)

	// Namespaces gets the network namespaces that the recording names, where it
	// is of several. Nil: the recording keeps them to itself.
	Namespaces *monitor.Namespaces
}

type part struct {
	name string
	open func() (io.ReadCloser, error)
}

// File is the recording in a file, or in several, of which each begins where the
// one before it ends. Nothing is opened yet.
func File(cfg Config, paths ...string) *Recording {
	r := newRecording(cfg)
	for _, path := range paths {
		r.parts = append(r.parts, part{filepath.Base(path), func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	return r
}

func newRecording(cfg Config, parts ...part) *Recording {
	if cfg.Namespaces == nil {
		cfg.Namespaces = new(monitor.Namespaces)
	}
	return &Recording{cfg: cfg, parts: parts}
}

// Bytes is a recording in memory; name is what errors call it.
func Bytes(cfg Config, name string, data []byte) *Recording {
	return newRecording(cfg, part{name, func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}})
}

// Stream is a recording that can be opened once: what comes through a pipe. It
// cannot be played by a [Player]. Next waits as long as r's Read does, unless r
// is an [io.Closer] whose Close ends it.
func Stream(cfg Config, name string, r io.Reader) *Recording {
	closer, ok := r.(io.ReadCloser)
	if !ok {
		closer = io.NopCloser(r)
	}
	opened := false
	return newRecording(cfg, part{name, func() (io.ReadCloser, error) {
		if opened {
			return nil, fmt.Errorf("%s: a stream can be read once", name)
		}
		opened = true
		return closer, nil
	}})
}

// Open begins to read the recording from its beginning, as fast as it is asked
// for. The caller closes the source.
func (r *Recording) Open() (*Source, error) {
	s := &Source{rec: r}
	if err := s.nextPart(); err != nil {
		return nil, err
	}
	return s, nil
}

// The first bytes of what is known here.
var (
	magicGzip = []byte{0x1f, 0x8b}
	magicZstd = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// unpack returns what is inside of r, by its first bytes.
func (c *Config) unpack(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, magicGzip):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("unpack gzip: %w", err)
		}
		return z, nil
	case bytes.HasPrefix(head, magicZstd):
		if c.Zstd == nil {
			return nil, errors.New("packed with zstd, which can't be read here")
		}
		z, err := c.Zstd(in)
		if err != nil {
			return nil, fmt.Errorf("unpack zstd: %w", err)
		}
		return z, nil
	}
	return in, nil
}
