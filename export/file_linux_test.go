package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"natlens/monitor/golden"
)

// limitFileSize lets files of this process grow to n bytes only: the kernel then
// writes a part of a line, as on a full disk.
func limitFileSize(t *testing.T, n uint64) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	})
}

func TestFileKeepsWholeLines(t *testing.T) {
	for _, tt := range []struct {
		name   string
		binary bool
		kept   string
	}{
		{"lines", false, "first\nsecond\nthird\n"},
		{"binary", true, "first\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events")
			f := create(t, path, CreateOptions{Binary: tt.binary})
			if _, err := f.Write([]byte("first\n")); err != nil {
				t.Fatal(err)
			}
			limitFileSize(t, 22)
			n, err := f.Write([]byte("second\nthird\nfourth\nfifth\n"))
			var w *WriteError
			if !errors.As(err, &w) || !errors.Is(err, syscall.EFBIG) || w.Path != path || w.Kept != int64(len(tt.kept)) || w.Partial {
				t.Fatalf("error %#v", err)
			}
			if n != len(tt.kept)-len("first\n") || f.Size() != w.Kept {
				t.Errorf("%d bytes taken, size %d", n, f.Size())
			}
			text, readErr := os.ReadFile(path)
			if string(text) != tt.kept || readErr != nil {
				t.Errorf("the file holds %q, %v, want %q", text, readErr, tt.kept)
			}
			if _, again := f.Write([]byte("x\n")); again != err {
				t.Errorf("a later Write returns %v", again)
			}
		})
	}
}

func TestFileFull(t *testing.T) {
	f := create(t, "/dev/full", CreateOptions{Force: true})
	_, err := f.Write([]byte("x\n"))
	golden.Words(t, "", err)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
}

func TestFilePipeCannotBeCut(t *testing.T) {
	golden.Words(t, "", &WriteError{Path: "p", Kept: 7, Partial: true, Err: syscall.EIO})
}

// TestForceEmptiesNoFileThatItRefuses writes over another user's file, which it can't
// make its owner's alone: its contents stay.
func TestForceEmptiesNoFileThatItRefuses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: the file is to be another user's")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.WriteFile(path, []byte("old\n"), 0o600), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { // its thread ends with it
		runtime.LockOSThread()
		err := syscall.Setfsuid(65534)
		if err == nil {
			_, err = Create(path, CreateOptions{Force: true})
		}
		done <- err
	}()
	if err := <-done; !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(path); string(text) != "old\n" || err != nil {
		t.Errorf("it contains %q, %v", text, err)
	}
}

// TestForceFollowsNoLink expects Force to write over regular files only, and never to wait for the reader of a FIFO.
func TestForceFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	victim, link, fifo := filepath.Join(dir, "victim"), filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.WriteFile(victim, []byte("kept\n"), 0o600), os.Symlink(victim, link), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, fifo} {
		_, err := Create(path, CreateOptions{Force: true})
		golden.Words(t, filepath.Base(path), strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"))
	}
	if text, err := os.ReadFile(victim); string(text) != "kept\n" || err != nil {
		t.Errorf("the target of the link contains %q, %v", text, err)
	}
	for _, path := range []string{"/dev/null", "/dev/stdout"} {
		f, err := Create(path, CreateOptions{Force: true})
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
}
