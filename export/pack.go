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
	stop chan struct{}
	done chan struct{}

	mu    sync.Mutex // guards what follows, and the file
	z     flusher
	dirty bool
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
	var z flusher
	switch {
	case strings.HasSuffix(path, ".gz"):
		z = gzip.NewWriter(file)
	case strings.HasSuffix(path, ".zst"):
		if z, err = zstd.NewWriter(file, zstd.WithEncoderConcurrency(1)); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	default:
		return file, nil
	}
	p := &packer{file: file, z: z, stop: make(chan struct{}), done: make(chan struct{})}
	go p.flushNow()
	return p, nil
}

// flushNow writes what is buffered to the file, once every packTime.
func (p *packer) flushNow() {
	defer close(p.done)
	tick := time.NewTicker(packTime)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		_ = p.Flush() // the next Write returns the error, or waits for space
	}
}

func (p *packer) Write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	p.dirty = true
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
		p.err = p.z.Flush()
		p.dirty = false
	}
	return errors.Join(p.err, p.file.Room())
}

func (p *packer) Close() error {
	close(p.stop)
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.z.Close()
	if p.err != nil {
		err = p.err
	}
	return errors.Join(err, p.file.Close())
}
