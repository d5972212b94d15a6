package export

import (
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// packer is a part of a recording that is compressed. Each Write ends with a whole block of
// the compression, so that a crash loses nothing that was written.
type packer struct {
	*File
	z interface {
		io.WriteCloser
		Flush() error
	}
}

// CreatePart makes a file of a recording, packed as its name says: .gz, .zst. It sets o.Binary and o.Patient.
func CreatePart(path string, o CreateOptions) (Part, error) {
	o.Binary, o.Patient = !o.Append, true
	file, err := Create(path, o)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasSuffix(path, ".gz"):
		return &packer{file, gzip.NewWriter(file)}, nil
	case strings.HasSuffix(path, ".zst"):
		z, err := zstd.NewWriter(file, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return &packer{file, z}, nil
	}
	return file, nil
}

func (p *packer) Write(b []byte) (n int, err error) {
	if n, err = p.z.Write(b); err == nil {
		err = p.z.Flush()
	}
	return n, err
}

func (p *packer) Close() error { return errors.Join(p.z.Close(), p.File.Close()) }
