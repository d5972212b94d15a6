package export

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
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
	if want := "output file " + path + " exists already; --force overwrites it"; !errors.Is(err, fs.ErrExist) || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
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
	if want := "output file " + missing + ": there is no directory " + filepath.Join(dir, "none"); !errors.Is(err, fs.ErrNotExist) || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	for _, force := range []bool{false, true} {
		_, err := Create(dir, CreateOptions{Force: force})
		if want := "output file " + dir + " is a directory"; !errors.Is(err, syscall.EISDIR) || err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
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
