package history

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
)

// sealedFile reads a segment that is complete and one file, by the file format of
// SQLite (sqlite.org/fileformat2.html) and without the library. A question with a
// time looks up a few rows in a few files: of the library's time for that most was
// reading the schema, of which nothing is used here but the tables' root pages.
// And its look-ups can go on at once, while the library waits for the disk page by
// page.
//
// Only what segments have is read: tables of integers, blobs and short texts. All
// else is told as damage.
type sealedFile struct {
	f     *os.File
	path  string
	size  int   // of a page
	use   int   // bytes of a page that are used
	pages int64 // in the file
	roots map[string]uint32

	mu    sync.Mutex
	inner map[uint32]page // pages that lead to others
}

const (
	sealedMagic  = "SQLite format 3\x00"
	maxInner     = 4096    // pages that are kept in memory, of some dozens
	maxDepth     = 20      // of a tree; they have three levels
	maxPayload   = 1 << 16 // of a row
	headerLength = 100
)

// openSealed opens a segment of which the catalog says that it is complete and one
// file.
func openSealed(path string) (*sealedFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &sealedFile{f: f, path: path, inner: map[uint32]page{}, roots: map[string]uint32{}}
	if err := s.begin(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *sealedFile) close() { s.f.Close() }

// begin reads the header, and where the tables begin.
func (s *sealedFile) begin() error {
	var h [headerLength]byte
	if _, err := s.f.ReadAt(h[:], 0); err != nil && err != io.EOF {
		return err // it names the file
	}
	if string(h[:16]) != sealedMagic {
		return s.damaged("it does not begin as SQLite's files do")
	}
	be := binary.BigEndian
	if version := int32(be.Uint32(h[60:])); version != schemaVersion {
		return fmt.Errorf("%s: %w: %d", s.path, errNewer, version)
	}
	s.size = int(be.Uint16(h[16:]))
	if s.size == 1 {
		s.size = 1 << 16
	}
	s.use = s.size - int(h[20])
	if s.size < 512 || s.size&(s.size-1) != 0 || s.use < 480 {
		return s.damaged("its pages have %d bytes", s.size)
	}
	st, err := s.f.Stat() // by the path it may be gone by now
	if err != nil {
		return err
	}
	s.pages = st.Size() / int64(s.size)
	c := s.cursor()
	return c.scan(1, func(r *sealedRow) error {
		if r.text(0) == "table" {
			s.roots[r.text(1)] = uint32(r.int(3))
		}
		return nil
	})
}

func (s *sealedFile) damaged(format string, args ...any) error {
	return fmt.Errorf("%s: the file is damaged: %s", s.path, fmt.Sprintf(format, args...))
}

// root is the first page of a table.
func (s *sealedFile) root(table string) (uint32, error) {
	n, ok := s.roots[table]
	if !ok {
		return 0, s.damaged("it has no table %s", table)
	}
	return n, nil
}

// lookupsAtOnce is how many look-ups go on at once in a file: a disk that must be
// asked serves them in hardly more than the time of one.
const lookupsAtOnce = 8

// each calls fn for 0 to n-1, some at once, each with a cursor of its own.
func (s *sealedFile) each(n int, fn func(c *sealedCursor, i int) error) error {
	var (
		mu    sync.Mutex
		next  int
		first error
		done  sync.WaitGroup
	)
	take := func(before error) (i int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = before
		}
		next++
		return next - 1, next <= n && first == nil
	}
	for range min(n, lookupsAtOnce) {
		done.Go(func() {
			c := s.cursor()
			for i, ok := take(nil); ok; {
				i, ok = take(fn(c, i))
			}
		})
	}
	done.Wait()
	return first
}
