package export

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// rotated writes one event a second into a rotation, and returns the contents of
// the directory: each file's name, size and how often it contains the addresses.
func rotated(t *testing.T, dir, name string, o RotationOptions, seconds ...int) string {
	t.Helper()
	o.Path = filepath.Join(dir, name)
	o.Open = func(path string) (Part, error) { return Create(path, CreateOptions{Binary: true}) }
	r, err := NewRotation(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Locals(monitor.NewLocals([]netip.Addr{netip.MustParseAddr("192.168.77.1")}))
	for _, s := range seconds {
		at := monitor.Time(time.Date(2026, 11, 22, 6, 12, s, 0, time.UTC).UnixNano())
		if err := r.Write(batch(monitor.Event{Seq: 1, Time: at, Kind: monitor.KindNew, Raw: rawMessage})); err != nil {
			t.Fatal(err)
		}
	}
	written := r.Written()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if written == 0 && len(seconds) > 0 {
		t.Error("nothing was written")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		text := e.Name()
		if n := bytes.Count(data, rawMessage); n > 0 {
			text += " " + strings.Repeat("x", n)
			if bytes.Count(data, []byte("192.168.77.1")) != 1 || bytes.Count(data, []byte("natlens: end")) != 1 {
				text += " which is not whole"
			}
		}
		got = append(got, text)
	}
	return strings.Join(got, "\n")
}

func TestRotation(t *testing.T) {
	for name, tt := range map[string]struct {
		o       RotationOptions
		path    string
		seconds []int
		there   []string // before
		want    []string
	}{
		"one file":    {RotationOptions{}, "a.pcapng", []int{1, 2, 3}, nil, []string{"a.pcapng xxx"}},
		"no event":    {RotationOptions{}, "a.pcapng", nil, nil, []string{"a.pcapng"}},
		"none at all": {RotationOptions{Every: time.Hour}, "a.pcapng", nil, nil, nil},
		"time": {RotationOptions{Every: 3 * time.Second}, "a.pcapng.zst", []int{1, 2, 3, 4, 9, 10}, nil,
			[]string{"a-20261122T061201Z.pcapng.zst xxx", "a-20261122T061204Z.pcapng.zst x", "a-20261122T061209Z.pcapng.zst xx"}},
		"time, and the clock put back": {RotationOptions{Every: 3 * time.Second}, "a.pcapng", []int{30, 31, 29, 1, 2}, nil,
			[]string{"a-20261122T061201Z.pcapng xx", "a-20261122T061230Z.pcapng xxx"}},
		"size, twice in a second": {RotationOptions{Size: 1}, "a", []int{1, 1, 1}, nil,
			[]string{"a-20261122T061201Z x", "a-20261122T061201Z-002 x", "a-20261122T061201Z-003 x"}},
		"keep": {RotationOptions{Size: 1, Keep: 2}, "a.pcapng", []int{1, 2, 3, 4},
			[]string{"a.pcapng", "a-20251122T061201Z.pcapng", "a-20251122T061201Z.jsonl", "b-20251122T061201Z.pcapng", "a-x.pcapng"},
			[]string{"a-20251122T061201Z.jsonl", "a-20261122T061203Z.pcapng x", "a-20261122T061204Z.pcapng x", "a-x.pcapng", "a.pcapng", "b-20251122T061201Z.pcapng"}},
		"keep, while the clock is behind": {RotationOptions{Size: 1, Keep: 2}, "a.pcapng", []int{1, 2},
			[]string{"a-20271122T061201Z.pcapng", "a-20271122T061202Z.pcapng"},
			[]string{"a-20261122T061202Z.pcapng x", "a-20271122T061202Z.pcapng"}},
	} {
		dir := t.TempDir()
		for _, there := range tt.there {
			if err := os.WriteFile(filepath.Join(dir, there), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := rotated(t, dir, tt.path, tt.o, tt.seconds...), strings.Join(tt.want, "\n"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestRotationOfNoFile expects a directory to be refused at once, not with the first
// event, and none of a recording's files beside it.
func TestRotationOfNoFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, dir + "/", "none/"} {
		_, err := NewRotation(RotationOptions{Path: path, Every: time.Hour})
		golden.Words(t, strings.Replace(path, dir, "DIR", 1), strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"))
	}
}

// TestRotationSticks holds a rotation to its first error.
func TestRotationSticks(t *testing.T) {
	broken := errors.New("broken")
	opened := 0
	r, err := NewRotation(RotationOptions{Path: "x", Every: time.Second, Open: func(string) (Part, error) { opened++; return nil, broken }})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Write(batch(monitor.Event{Time: 1, Raw: rawMessage})); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	if err := r.Close(); !errors.Is(err, broken) || opened != 1 {
		t.Errorf("%v after %d times", err, opened)
	}
}
