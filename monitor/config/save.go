package config

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"
)

// Save sets a table of the file Saved, or removes it if there are no keys. It returns an error if another file has
// the table that it removes. Comments of the file are lost.
func (c *Config) Save(keys map[string]any, table ...string) error {
	if c.Saved == "" {
		return errors.New("without a home directory there is no file to save to")
	}
	data, err := read(c.Saved)
	all := map[string]any{}
	if err == nil {
		err = toml.Unmarshal(data, &all)
	}
	if err != nil {
		return err
	}
	for _, s := range c.In(table...) {
		if len(keys) == 0 && s.File != c.Saved {
			return s.Errorf("delete it in this file")
		}
	}
	in, last := all, len(table)-1
	for _, name := range table[:last] {
		within, ok := in[name].(map[string]any)
		if !ok {
			within = map[string]any{}
			in[name] = within
		}
		in = within
	}
	if in[table[last]] = keys; len(keys) == 0 {
		delete(in, table[last])
	}
	if data, err = toml.Marshal(all); err != nil {
		return err
	}
	return Replace(c.Saved, data)
}

// Replace writes a new file with mode 0600 over an old one. A reader sees either of them, whole. It replaces a
// symbolic link, and makes missing directories.
func Replace(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
