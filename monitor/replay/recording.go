package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"natlens/monitor"
)

// Recording is one recording, in one file or in several that follow each other. It can be
// opened any number of times.
type Recording struct {
	parts []part
	cfg   Config
	once  bool // a stream
}

// Config says how recordings are read.
type Config struct {
	Formats []Format // that can be read

	// Zstd unpacks zstd.
	Zstd func(io.Reader) (io.Reader, error)

	// Locals gets the host's addresses from a capture, by the goroutine that calls
	// Next, before the events that they apply to. It may be nil.
	Locals func(*monitor.Locals)

	// Namespaces gets the network namespaces of a recording of several. It may be nil.
	Namespaces *monitor.Namespaces
}

type part struct {
	name string
	open func() (io.ReadCloser, error)
}

// File returns the recording in a file, or in several that follow each other. It opens
// nothing yet.
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

// Bytes returns a recording in memory, which errors call name.
func Bytes(cfg Config, name string, data []byte) *Recording {
	return newRecording(cfg, part{name, func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}})
}

// Stream returns a recording that can be opened once, such as a pipe. A [Player] cannot
// play it. Next waits as long as r.Read does, unless r has a Close that ends it.
func Stream(cfg Config, name string, r io.Reader) *Recording {
	closer, ok := r.(io.ReadCloser)
	if !ok {
		closer = io.NopCloser(r)
	}
	opened := false
	rec := newRecording(cfg, part{name, func() (io.ReadCloser, error) {
		if opened {
			return nil, fmt.Errorf("%s: %w", name, ErrOnce)
		}
		opened = true
		return closer, nil
	}})
	rec.once = true
	return rec
}

// ErrOnce is the error of a second reading of a stream, which Span needs too.
var ErrOnce = errors.New("a stream can be read once")

// Open returns the recording as a source, from its beginning. The caller closes it.
func (r *Recording) Open() (*Source, error) {
	s := &Source{rec: r}
	if err := s.nextPart(); err != nil {
		return nil, err
	}
	return s, nil
}

// The first bytes of packed files.
var (
	magicGzip = []byte{0x1f, 0x8b}
	magicZstd = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// unpack returns the content of r, which may be packed.
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
		z, err := c.Zstd(in)
		if err != nil {
			return nil, fmt.Errorf("unpack zstd: %w", err)
		}
		return z, nil
	}
	return in, nil
}

// Two minutes on the gateway of the lab, recorded by make demo-recording: events of a real
// kernel, with addresses of the documentation ranges.
//
//go:embed demo.jsonl.gz
var demo []byte

// Demo is the recording that ships with the program: a gateway with two clients, SNAT with
// port clashes, published services, and IPv6. It begins with the flows that existed. To
// play it as if it were now, without an end:
//
//	NewPlayer(Demo(cfg), PlayerConfig{AsOf: monitor.Now(), Reset: …})
func Demo(cfg Config) *Recording { return Bytes(cfg, "demo", demo) }

// Format is one form of recordings: how it is recognized and read.
type Format struct {
	// Begins reports whether a recording of the format begins with head. That is
	// four bytes or more, fewer if the recording is shorter.
	Begins func(head []byte) bool

	// Open returns what reads the recording in the input, record by record.
	Open func(in *Input, cfg *Config) Step

	Remembers bool // events contain what their writer remembered of each flow
	Lines     bool // reading can begin after any line end
}

// ErrNoRecording means that a file is in no known format.
var ErrNoRecording = errors.New("neither JSON lines of natlens nor a netlink capture (pcapng, pcap)")

// detect chooses the format of the recording in the input.
func (c *Config) detect(in *Input) (*Format, error) {
	if _, err := in.r.Peek(4); err != nil && !errors.Is(err, io.EOF) && !cut(err) {
		return nil, err
	}
	for i := range c.Formats {
		if f := &c.Formats[i]; f.Begins(in.Unread()) {
			return f, nil
		}
	}
	return nil, ErrNoRecording
}
