package history

import (
	"fmt"
	"os"
	"slices"
)

// checkSize holds a segment that is one file to the size that it had when it was
// complete.
func (e *entry) checkSize(path string) error {
	st, err := os.Stat(path)
	if err == nil && e.state == segmentQuiet && st.Size() != e.bytes {
		err = fmt.Errorf("%s: the file has %d bytes, but had %d when it was complete", path, st.Size(), e.bytes)
	}
	return err
}

// runSealed searches a segment that is one file by an address.
func (s *segmentFind) runSealed(f *find, r *segmentReader) error {
	r.path = segmentPath(f.dir, s.entry.seq)
	if err := s.entry.checkSize(r.path); err != nil {
		return err
	}
	file, err := openSealed(r.path)
	if err != nil {
		return err
	}
	defer file.close()
	if r.names, err = file.namespaces(); err != nil {
		return err
	}
	if s.entry.gapUntil != 0 {
		if s.gaps, err = file.gaps(r.q, r.names); err != nil {
			return err
		}
	}
	return r.finish(r.bySealedIndex(file))
}

func (s *sealedFile) namespaces() (map[int64]string, error) {
	names := map[int64]string{}
	c := s.cursor()
	err := s.scan(c, "namespace", func(r *sealedRow) error {
		names[r.int(0)] = r.text(1)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return names, s.scan(c, "meta", func(r *sealedRow) error {
		if r.text(0) == "namespace" {
			names[0] = r.text(1)
		}
		return nil
	})
}

func (s *sealedFile) gaps(q *Query, names map[int64]string) (gaps []Gap, err error) {
	err = s.scan(s.cursor(), "gap", func(r *sealedRow) error {
		if g := scanGap(r, r.columns(), names); q.concerns(&g) {
			gaps = append(gaps, g)
		}
		return nil
	})
	return gaps, err
}

// scan goes through a table of a few rows.
func (s *sealedFile) scan(c *sealedCursor, table string, fn func(*sealedRow) error) error {
	root, err := s.root(table)
	if err != nil {
		return err
	}
	return c.scan(root, fn)
}

// bySealedIndex looks the end up in all chunks at once, and then reads the rows.
func (r *segmentReader) bySealedIndex(f *sealedFile) error {
	table, e := r.q.index()
	index, err := f.root(table)
	if err != nil {
		return err
	}
	flow, err := f.root("flow")
	if err != nil {
		return err
	}
	last, err := f.cursor().last(flow)
	if err != nil {
		return err
	}
	chunks, err := chunksOf(r.path, last)
	if err != nil {
		return err
	}
	rows := make([][]int64, chunks)
	err = f.each(chunks, func(c *sealedCursor, chunk int) error {
		lo, hi := keyRange(int64(chunk), e, r.q.Proto)
		err := c.between(index, &lo, &hi, func(entry *sealedRow) error {
			rows[chunk] = append(rows[chunk], entry.int(1))
			return nil
		})
		slices.Sort(rows[chunk])
		return err
	})
	if err != nil {
		return err
	}
	return r.fetchSealed(f, flow, slices.Compact(slices.Concat(rows...)))
}

// sealedFound is a row of a flow, or that there is none.
type sealedFound struct {
	t         Translation
	netns     int64
	sound, is bool
}

// fetchSealed reads rows, some at once, and takes them in their order.
func (r *segmentReader) fetchSealed(f *sealedFile, flow uint32, rows []int64) error {
	var found [answersAtOnce]sealedFound
	for ids := range slices.Chunk(rows, answersAtOnce) {
		err := f.each(len(ids), func(c *sealedCursor, i int) error {
			row, err := c.find(flow, ids[i])
			if found[i].is = row != nil; row != nil {
				_, found[i].netns, found[i].sound = scanRow(row, &found[i].t)
			}
			return err
		})
		if err != nil {
			return err
		}
		for i, id := range ids {
			if !found[i].is {
				return noSuchFlow(r.path, id)
			}
			a, err := r.next()
			if err != nil {
				return err
			}
			a.Translation = found[i].t
			r.keep(id, found[i].netns, found[i].sound)
		}
	}
	return nil
}

func noSuchFlow(path string, id int64) error {
	return fmt.Errorf("%s: an index names flow %d, which is not there: the file is damaged", path, id)
}
