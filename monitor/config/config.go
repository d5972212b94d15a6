// Package config reads the configuration files of natlens, which are TOML (https://toml.io): that of the system, over
// it that of the user, and over both what the UI has saved.
//
//	cfg, err := config.Load(config.SystemFile, config.UserFile(os.Getenv))
//	for _, s := range cfg.In("watch") { … }
//
// The package knows no keys. The caller checks each [Setting], and returns its Errorf or its
// Unknown for a wrong one.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/human"
)

// Setting is a key of a file with its value, or the heading of a table.
type Setting struct {
	Path  []string // the names of its tables, and its own
	Value any      // string, bool, int64, float64 or []any; nil: the heading of a table
	File  string
	Line  int
}

// Name returns the path with dots: watch.output.
func (s *Setting) Name() string { return strings.Join(s.Path, ".") }

// Errorf returns an error that begins with the file, the line and the name of the setting.
func (s *Setting) Errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s: %w", s.File, s.Line, s.Name(), fmt.Errorf(format, args...))
}

// Unknown returns the error of a setting whose last name is not among those that are accepted.
func (s *Setting) Unknown(accepted ...string) error {
	return s.Errorf("%w", human.UnknownWord("key", s.Path[len(s.Path)-1], accepted))
}

// Texts returns the value as texts: one for a single value, one for each element of a list.
func (s *Setting) Texts() (out []string, err error) {
	list, isList := s.Value.([]any)
	if !isList {
		list = []any{s.Value}
	}
	for _, v := range list {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case bool:
			out = append(out, strconv.FormatBool(v))
		case int64:
			out = append(out, strconv.FormatInt(v, 10))
		case float64:
			out = append(out, strconv.FormatFloat(v, 'g', -1, 64))
		default:
			return nil, s.Errorf("must be a text, a number, true, false or a list of them")
		}
	}
	return out, nil
}

// Text returns a single value as text.
func (s *Setting) Text() (string, error) {
	all, err := s.Texts()
	if _, isList := s.Value.([]any); isList && err == nil {
		err = s.Errorf("must be a single value, not a list")
	}
	if err != nil {
		return "", err
	}
	return all[0], nil
}

// Config is the settings of all files, in their order. The zero Config has none.
type Config struct {
	Settings []Setting
	Files    []string // the files that exist
	Saved    string   // the file that Save writes; "" if the user has no home directory
}

// SystemFile is the file of the system.
const SystemFile = "/etc/natlens/config.toml"

// UserFile returns the file of the user, or "" without a home directory. For root by sudo(8)
// it is the file of root, even if sudo keeps the user's environment.
func UserFile(getenv func(string) string) string {
	dir, home := getenv("XDG_CONFIG_HOME"), getenv("HOME")
	if os.Geteuid() == 0 && getenv("SUDO_UID") != "" {
		dir, home = "", "/root"
	}
	if !filepath.IsAbs(dir) { // the XDG specification ignores relative paths
		dir = filepath.Join(home, ".config")
	}
	if !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(dir, "natlens", "config.toml")
}

// Load reads the files of the system and of the user, and views.toml beside the user's. A setting replaces that of an
// earlier file. A file that does not exist has no settings. A file that another user can change is an error.
func Load(system, user string) (c Config, err error) {
	if user != "" {
		c.Saved = filepath.Join(filepath.Dir(user), "views.toml")
	}
	for _, path := range []string{system, user, c.Saved} {
		data, err := read(path)
		if err != nil {
			return c, err
		}
		if data == nil {
			continue
		}
		found, err := parse(path, data)
		if err != nil {
			return c, err
		}
		c.Files = append(c.Files, path)
		c.Settings = slices.DeleteFunc(c.Settings, func(old Setting) bool {
			return slices.ContainsFunc(found, func(s Setting) bool { return slices.Equal(s.Path, old.Path) })
		})
		c.Settings = append(c.Settings, found...)
	}
	return c, nil
}

// LoadFile reads one file, which must exist, and views.toml beside it.
func LoadFile(path string) (Config, error) {
	if _, err := os.Stat(path); err != nil {
		return Config{}, err
	}
	return Load("", path)
}

// In returns the settings of a table, without those of its subtables.
func (c *Config) In(table ...string) (out []Setting) {
	for _, s := range c.Settings {
		if s.Value != nil && slices.Equal(s.Path[:len(s.Path)-1], table) {
			out = append(out, s)
		}
	}
	return out
}

// maxSize is the maximum size of a file.
const maxSize = 1 << 20

// read returns the content of a file that only the user or root can change; nil if there is no
// file, or if it is in a directory that the user cannot search.
func read(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission): // HOME may be another user's
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxSize: // opening a pipe would block
		return nil, fmt.Errorf("%s: must be a regular file of at most %s", path, human.Binary(maxSize))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if !ownedByUser(info) {
		return nil, fmt.Errorf("%s: belongs to another user: it must belong to you or to root", path)
	}
	if perm := info.Mode().Perm(); checksMode && perm&0o022 != 0 {
		return nil, fmt.Errorf("%s: has mode %#o, so other users can change it: chmod go-w %s", path, perm,
			monitor.ShellLine(path))
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if n < len(data) {
		return nil, err
	}
	return data, nil
}
