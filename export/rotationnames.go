package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"natlens/monitor"
)

// nameTime is the form of the time in the name of a file.
const nameTime = "20060102T150405Z"

func (r *Rotation) create(at monitor.Time) (Part, error) {
	if !r.rotates() {
		return r.o.Open(r.o.Path)
	}
	stem, ext := splitName(r.o.Path)
	for n := 1; ; n++ {
		path := stem + "-" + at.Time().Format(nameTime)
		if n > 1 { // within one second
			path += fmt.Sprintf("-%03d", n)
		}
		part, err := r.o.Open(path + ext)
		if !errors.Is(err, fs.ErrExist) || n == 999 {
			r.name = filepath.Base(path)
			return part, err
		}
	}
}

// splitName splits a path before its endings: flows, .pcapng.gz.
func splitName(path string) (stem, ext string) {
	dir, name := filepath.Split(path)
	if i := strings.IndexByte(name[1:], '.'); len(name) > 1 && i >= 0 {
		return dir + name[:i+1], name[i+1:]
	}
	return path, ""
}

// prune deletes the oldest files of the recording beyond Keep. Names sort like their times. It
// deletes only names that create could have made, and never the current file, which is the
// oldest if the clock was set back.
func (r *Rotation) prune() error {
	stem, ext := splitName(r.o.Path)
	ours := regexp.MustCompile(`^` + regexp.QuoteMeta(filepath.Base(stem)) + `-\d{8}T\d{6}Z(-\d{3})?` +
		regexp.QuoteMeta(ext) + `$`)
	dir := filepath.Dir(stem)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("prune recordings: %w", err)
	}
	var names []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ext)
		if ours.MatchString(e.Name()) && e.Type().IsRegular() && name != r.name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for len(names) > r.o.Keep-1 {
		if err := os.Remove(filepath.Join(dir, names[0]+ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("prune recordings: %w", err)
		}
		names = names[1:]
	}
	return nil
}
