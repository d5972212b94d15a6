package export

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	o := RotationOptions{Path: path,
		Open:   func(path string) (Part, error) { return CreatePart(path, CreateOptions{Append: true}) },
		Format: "csv"}
	r, err := NewRotation(o)
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
	if r, err = NewRotation(o); err != nil { // the next run has no header
		t.Fatal(err)
	}
	write()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for path, lines := range map[string]int{path + ".1": 4, path: 3} {
		got, err := os.ReadFile(path)
		if n := bytes.Count(got, []byte("\n")); n != lines || err != nil {
			t.Errorf("%s has %d lines, want %d: %s%v", path, n, lines, got, err)
		}
	}
}

// TestReopenRotates expects the next batch after Reopen in the next file of a rotation, and a finding in the file of
// its time, or in a note if there is no file.
func TestReopenRotates(t *testing.T) {
	dir := t.TempDir()
	var notes bytes.Buffer
	r, err := NewRotation(RotationOptions{Path: filepath.Join(dir, "x.jsonl"), Size: 1 << 20, Notes: &notes,
		Open:   func(path string) (Part, error) { return CreatePart(path, CreateOptions{}) },
		Format: "jsonl"})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 6, 12, 0, 0, time.UTC)
	step := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	finding := &monitor.Finding{Rule: "half-open", Subject: "10.0.0.9:80"}
	step(r.Finding(finding))
	for second := range 2 {
		e := monitor.Event{Kind: monitor.KindNew, Time: monitor.Time(at.Add(time.Duration(second) * time.Second).UnixNano())}
		step(r.Write(batch(e)), r.Finding(finding))
		r.Reopen()
	}
	step(r.Close())
	if n := strings.Count(notes.String(), "natlens: "); n != 1 {
		t.Errorf("%d notes: %s", n, notes.String())
	}
	for _, name := range []string{"x-20261122T061200Z.jsonl", "x-20261122T061201Z.jsonl"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if n := bytes.Count(text, []byte("\n")); n != 2 || !bytes.Contains(text, []byte("half-open")) || err != nil {
			t.Errorf("%s: %s%v", name, text, err)
		}
	}
}

// TestCutOff writes on where the whole lines end.
func TestCutOff(t *testing.T) {
	for _, more := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "x")
		if more {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f := create(t, path, CreateOptions{Append: more})
		for _, step := range []func() error{
			func() error { _, err := f.f.WriteString("first\nsec"); return err },
			func() error { return f.cutOff(3) },
			func() error { _, err := f.f.WriteString("second\n"); return err },
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); string(got) != "first\nsecond\n" || err != nil {
			t.Errorf("append %v: %q, %v", more, got, err)
		}
	}
}

// TestWritten counts what a run has written, without what the file had before.
func TestWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	if err := os.WriteFile(path, []byte("{\"old\":1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := NewRotation(RotationOptions{Path: path,
		Open:   func(path string) (Part, error) { return CreatePart(path, CreateOptions{Append: true}) },
		Format: "jsonl"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(batch(monitor.Event{Kind: monitor.KindNew, Time: 1})); err != nil {
		t.Fatal(err)
	}
	open := r.Written()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if want := uint64(info.Size()) - 10; err != nil || open != want || r.Written() != want {
		t.Errorf("%d bytes while it is open, %d then, want %d, %v", open, r.Written(), want, err)
	}
}
