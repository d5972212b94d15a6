//go:build unix

package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/translation"
)

// TestHostileDirectories expects links, pipes, files of others and directories
// that others can write to to be rejected, by readers and writers alike.
func TestHostileDirectories(t *testing.T) {
	target := filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	replace := func(name string, by func(path string) error) func(dir string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			return errors.Join(os.RemoveAll(path), by(path))
		}
	}
	link := func(path string) error { return os.Symlink(target, path) }
	pipe := func(path string) error { return syscall.Mkfifo(path, 0o600) }
	for name, change := range map[string]func(dir string) error{
		"others can write":    func(dir string) error { return os.Chmod(dir, 0o777) },
		"the group can write": func(dir string) error { return os.Chmod(dir, 0o770) },
		"a link to the list":  replace(openName, link),
		"a pipe as the list":  replace(openName, pipe),
		"a link as the log":   replace(openName+"-wal", link),
	} {
		t.Run(name, func(t *testing.T) {
			dir := threeFiles(t)
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			_, err := Open(dir)
			golden.Words(t, "reading", strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"))
			w, err := NewWriter(Config{Dir: dir})
			if err == nil {
				w.Close()
			}
			golden.Words(t, "writing", strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"))
		})
	}
	t.Run("others can write to a directory above", func(t *testing.T) {
		top := t.TempDir()
		dir, link := filepath.Join(top, "open", "in", "history"), filepath.Join(t.TempDir(), "link")
		if err := errors.Join(os.MkdirAll(filepath.Dir(dir), 0o700), os.Rename(threeFiles(t), dir), os.Symlink(dir, link)); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []os.FileMode{0o777, 0o777 | os.ModeSticky, 0o755} {
			if err := os.Chmod(filepath.Join(top, "open"), mode); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{dir, link} {
				names := strings.NewReplacer(top, "TOP", link, "LINK")
				_, err := Open(path)
				golden.Words(t, names.Replace(fmt.Sprint(mode, " reading ", path)), names.Replace(fmt.Sprint(err)))
				w, err := NewWriter(Config{Dir: path})
				if err == nil {
					w.Close()
				}
				golden.Words(t, names.Replace(fmt.Sprint(mode, " writing ", path)), names.Replace(fmt.Sprint(err)))
			}
		}
	})
	t.Run("another user's", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root can give a directory away")
		}
		dir := threeFiles(t)
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		_, err := NewWriter(Config{Dir: dir})
		golden.Words(t, "another user's", strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"))
		if got, _ := ask(t, dir, translation.Query{}); len(got) != 300 { // root reads the history of a service
			t.Errorf("%d answers", len(got))
		}
	})
	t.Run("a link to a closed file", func(t *testing.T) {
		dir := threeFiles(t)
		name := newEntry(2, shortLives).name
		if err := replace(name, link)(dir); err != nil {
			t.Fatal(err)
		}
		got, res := ask(t, dir, translation.Query{})
		if len(got) != 200 || len(res.Faults) != 1 || !strings.Contains(res.Faults[0].Error(), name+": not a regular file") {
			t.Errorf("%d answers, faults %v", len(got), res.Faults)
		}
	})
	t.Run("a name of megabytes", func(t *testing.T) {
		dir := threeFiles(t)
		db, err := openDB(filepath.Join(dir, newEntry(2, shortLives).name), forWriting)
		if err == nil {
			_, err = db.Exec("UPDATE translation SET netns = hex(zeroblob(1000000)) WHERE id % 7 = 0")
			err = errors.Join(err, db.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, res := ask(t, dir, translation.Query{}); len(res.Faults) != 1 || !strings.Contains(res.Faults[0].Error(), "too big") {
			t.Errorf("faults %v", res.Faults)
		}
	})
	t.Run("links where files will be made", func(t *testing.T) {
		dir := t.TempDir()
		if err := link(filepath.Join(dir, newEntry(1, shortLives).name)); err != nil {
			t.Fatal(err)
		}
		w := open(t, Config{Dir: dir, Note: func(string) {}})
		var f feed
		oneLife(&f, 1, monitor.Now())
		write(t, w, &f)
		syncUp(t, w)
		closeWriter(t, w)
		if got, res := ask(t, dir, translation.Query{Since: at(0)}); len(got) != 1 {
			t.Errorf("%d answers, %+v", len(got), res)
		}
	})
	if text, err := os.ReadFile(target); err != nil || string(text) != "precious" {
		t.Errorf("the target of the links is now %q, %v", text, err)
	}
}
