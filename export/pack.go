package export

import (
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// packTime is how long an event may wait to be packed. A crash loses no more.
const packTime = time.Second

// packer is a part of a recording that is compressed.
type packer struct {
	file *File

	mu    sync.Mutex // guards what follows, and the file
	z     flusher
	dirty bool        // something is buffered
	timer *time.Timer // writes it to the file
	err   error
}

type flusher interface {
	io.WriteCloser
	Flush() error
}

// CreatePart makes a file of a recording, packed as its name says: .gz, .zst.
func CreatePart(path string, force bool) (Part, error) {
	file, err := Create(path, CreateOptions{Force: force, Binary: true, Patient: true})
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasSuffix(path, ".gz"):
		return &packer{file: file, z: gzip.NewWriter(file)}, nil
	case strings.HasSuffix(path, ".zst"):
		z, err := zstd.NewWriter(file, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return &packer{file: file, z: z}, nil
	}
	return file, nil
}

func (p *packer) Write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	if !p.dirty {
		p.dirty = true
		p.timer = time.AfterFunc(packTime, func() {
			_ = p.Flush() // the next Write returns the error, or waits for space
		})
	}
	n, p.err = p.z.Write(b)
	return n, p.err
}

// Size returns the bytes in the file, packed.
func (p *packer) Size() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.file.Size()
}

// Room reports whether the file waits for space on the disk.
func (p *packer) Room() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.file.Room()
}

// Flush writes what is buffered to the file.
func (p *packer) Flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dirty && p.err == nil {
		p.timer.Stop()
		p.err = p.z.Flush()
		p.dirty = false
	}
	return errors.Join(p.err, p.file.Room())
}

func (p *packer) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dirty {
		p.timer.Stop()
		p.dirty = false
	}
	err := p.z.Close()
	if p.err != nil {
		err = p.err
	}
	return errors.Join(err, p.file.Close())
}
