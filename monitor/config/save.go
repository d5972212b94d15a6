package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// Key is a key of a table for [Config.Save]. A nil value removes the key.
type Key struct {
	Name  string
	Value any // string or []string
}

// Save sets keys of a table in the user's file, and keeps everything else in it: comments, order
// and spaces. If the file is written in a way that Save cannot edit, it changes nothing and
// returns an error with the lines to add.
func (c *Config) Save(table []string, keys ...Key) error {
	if c.User == "" {
		return errors.New("without a home directory there is no file to save to")
	}
	data, err := read(c.User)
	if err != nil {
		return err
	}
	before, err := parse(c.User, data)
	if err != nil {
		return err
	}
	edited := edit(data, before, table, keys)
	if after, err := parse(c.User, edited); err != nil || !keeps(before, after, table, keys) {
		return fmt.Errorf("%s: cannot be edited: add %s", c.User, strings.Join(lines(table, keys), "; "))
	}
	return write(c.User, edited)
}

// lines are the heading and the keys of a table.
func lines(table []string, keys []Key) []string {
	out := []string{Heading(table...)}
	for _, k := range keys {
		if k.Value != nil {
			out = append(out, Line(k.Name, k.Value))
		}
	}
	return out
}

// edit returns the content of a file with changed keys.
func edit(data []byte, settings []Setting, table []string, keys []Key) []byte {
	type splice struct {
		from, to int
		text     string
	}
	var all []splice
	last, missing := -1, slices.Clone(keys) // the end of the table's last line
	lineEnd := func(at int) int {
		if n := bytes.IndexByte(data[at:], '\n'); n >= 0 {
			return at + n
		}
		return len(data)
	}
	for _, s := range settings {
		name := s.Path[len(s.Path)-1]
		switch {
		case s.Value == nil && slices.Equal(s.Path, table):
			last = lineEnd(s.end)
		case s.Value != nil && slices.Equal(s.Path[:len(s.Path)-1], table):
			last = lineEnd(s.end)
			i := slices.IndexFunc(missing, func(k Key) bool { return k.Name == name })
			if i < 0 {
				continue
			}
			if missing[i].Value == nil {
				all = append(all, splice{max(0, bytes.LastIndexByte(data[:s.from], '\n')), lineEnd(s.end), ""})
			} else {
				all = append(all, splice{s.from, s.end, Line(name, missing[i].Value)})
			}
			missing = slices.Delete(missing, i, i+1)
		}
	}
	added := lines(table, missing)
	switch {
	case len(added) == 1:
	case last < 0 && len(bytes.TrimSpace(data)) == 0:
		all = append(all, splice{0, len(data), strings.Join(added, "\n") + "\n"})
	case last < 0:
		text := string(bytes.TrimRight(data, "\n")) + "\n\n" + strings.Join(added, "\n") + "\n"
		return []byte(text)
	default:
		all = append(all, splice{last, last, "\n" + strings.Join(added[1:], "\n")})
	}
	slices.SortStableFunc(all, func(a, b splice) int { return cmp.Or(b.to-a.to, b.from-a.from) })
	for _, s := range all { // from the end, so that positions stay valid
		data = slices.Concat(data[:s.from], []byte(s.text), data[s.to:])
	}
	return data
}

// keeps reports whether an edited file has the wanted keys, and the other settings as before.
func keeps(before, after []Setting, table []string, keys []Key) bool {
	values := func(settings []Setting) map[string]string {
		out := make(map[string]string)
		for _, s := range settings {
			if s.Value != nil {
				out[strings.Join(s.Path, "\x00")] = Line("", s.Value)
			}
		}
		return out
	}
	want := values(before)
	for _, k := range keys {
		path := strings.Join(append(slices.Clone(table), k.Name), "\x00")
		if delete(want, path); k.Value != nil {
			want[path] = Line("", k.Value)
		}
	}
	return reflect.DeepEqual(want, values(after))
}

// write replaces a file, or what a symbolic link points to.
func write(path string, data []byte) error {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	mode := os.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "config.*.toml")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
