package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"natlens/monitor/golden"
)

func create(t *testing.T, path string, o CreateOptions) *File {
	t.Helper()
	f, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	f := create(t, path, CreateOptions{})
	if n, err := f.Write([]byte("one\ntwo\n")); n != 8 || err != nil || f.Size() != 8 {
		t.Errorf("wrote %d, %v; size %d", n, err, f.Size())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	_, err = Create(path, CreateOptions{})
	golden.Words(t, "again", strings.ReplaceAll(fmt.Sprint(err), path, "FILE"))
	if !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}

func TestCreateForce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(path, []byte("a longer text than the new one\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := create(t, path, CreateOptions{Force: true})
	if _, err := f.Write([]byte("new\n")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if string(text) != "new\n" || err != nil || statErr != nil || info.Mode() != 0o600 {
		t.Errorf("%q %v, %v %v", text, err, info.Mode(), statErr)
	}
}

func TestCreateErrors(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none", "x")
	_, err := Create(missing, CreateOptions{})
	golden.Words(t, "in no directory", strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, force := range []bool{false, true} {
		_, err := Create(dir, CreateOptions{Force: force})
		golden.Words(t, fmt.Sprint("a directory, force ", force), strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"))
		if !errors.Is(err, syscall.EISDIR) {
			t.Error(err)
		}
	}
}

func TestFileClosed(t *testing.T) {
	f := create(t, filepath.Join(t.TempDir(), "x"), CreateOptions{})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}
