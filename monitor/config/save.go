package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Key is a key of a table for [Config.Save].
type Key struct {
	Name  string
	Value any // string or []string
}

// Save replaces a table of the user's file, or adds it, and keeps the rest of the file with its
// comments. Without keys it removes the table. If the table is not written below a heading of its
// own, Save changes nothing and returns an error.
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
		return fmt.Errorf("%s: this table cannot be replaced: %s", c.User, Heading(table...))
	}
	return write(c.User, edited)
}

// edit returns the content of a file with another table.
func edit(data []byte, settings []Setting, table []string, keys []Key) []byte {
	text := ""
	if len(keys) > 0 {
		text = Heading(table...)
	}
	for _, k := range keys {
		text += "\n" + Line(k.Name, k.Value)
	}
	from := slices.IndexFunc(settings, func(s Setting) bool { return s.Value == nil && slices.Equal(s.Path, table) })
	if from < 0 {
		kept := string(bytes.TrimRight(data, "\n"))
		if kept != "" && text != "" {
			kept += "\n\n"
		}
		return []byte(kept + text + "\n")
	}
	last := from
	for last+1 < len(settings) && settings[last+1].Value != nil {
		last++
	}
	to := settings[last].end
	if n := bytes.IndexByte(data[to:], '\n'); n >= 0 {
		to += n
	} else {
		to = len(data)
	}
	begin := bytes.LastIndexByte(data[:settings[from].end], '\n') + 1
	return slices.Concat(data[:begin], []byte(text), data[to:])
}

// keeps reports whether an edited file has the wanted table, and the other settings as before.
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
	within := strings.Join(table, "\x00") + "\x00"
	want := values(before)
	maps.DeleteFunc(want, func(path, _ string) bool {
		name, ok := strings.CutPrefix(path, within)
		return ok && !strings.Contains(name, "\x00")
	})
	for _, k := range keys {
		want[within+k.Name] = Line("", k.Value)
	}
	return maps.Equal(want, values(after))
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
