package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"natlens/export/csv"
	"natlens/monitor"
	"natlens/monitor/golden"
)

// TestAppend continues files of lines, with and without a partial line at their end.
func TestAppend(t *testing.T) {
	for _, tt := range []struct{ before, after string }{
		{"", "new\n"},
		{"old\n", "old\nnew\n"},
		{"old\npart", "old\nnew\n"},
		{"\n\n", "\n\nnew\n"},
	} {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte(tt.before), 0o640); err != nil {
			t.Fatal(err)
		}
		f := create(t, path, CreateOptions{Append: true})
		if _, err := f.Write([]byte("new\n")); err != nil || f.Size() != int64(len(tt.after)) {
			t.Errorf("%q: size %d, %v", tt.before, f.Size(), err)
		}
		got, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if string(got) != tt.after || err != nil || info.Mode() != 0o640 {
			t.Errorf("%q: it contains %q, mode %v, %v", tt.before, got, info.Mode(), err)
		}
	}
}

// TestAppendRefuses expects files that do not have lines to stay as they are.
func TestAppendRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	link := path + ".link"
	if err := errors.Join(os.WriteFile(path, []byte("no lines"), 0o600), os.Symlink(path, link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, link} {
		_, err := Create(path, CreateOptions{Append: true})
		golden.Words(t, filepath.Base(path), strings.ReplaceAll(fmt.Sprint(err), filepath.Dir(path), "DIR"))
	}
	if got, err := os.ReadFile(path); string(got) != "no lines" || err != nil {
		t.Errorf("it contains %q, %v", got, err)
	}
}

// TestReopen moves the file of an output away, as logrotate(8) does, and expects the next batch in a new file, which
// has its own header. Without a move everything stays in one file.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	r, err := NewRotation(RotationOptions{Path: path,
		Open: func(path string) (Part, error) { return CreatePart(path, CreateOptions{Append: true}) },
		Sink: func(w io.Writer) monitor.Sink {
			sink := csv.NewWriter(w)
			sink.Continued = w.(Part).Size() > 0
			return sink
		}})
	if err != nil {
		t.Fatal(err)
	}
	at := monitor.Time(time.Date(2026, 11, 22, 6, 12, 0, 0, time.UTC).UnixNano())
	write := func() {
		t.Helper()
		if err := r.Write(batch(monitor.Event{Seq: 1, Time: at, Kind: monitor.KindNew})); err != nil {
			t.Fatal(err)
		}
	}
	write()
	r.Reopen()
	write()
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write()
	r.Reopen()
	write()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for path, lines := range map[string]int{path + ".1": 4, path: 2} {
		got, err := os.ReadFile(path)
		if n := bytes.Count(got, []byte("\n")); n != lines || err != nil {
			t.Errorf("%s has %d lines, want %d: %s%v", path, n, lines, got, err)
		}
	}
}
