package who

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"natlens/export"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/replay"
)

// goldenQuestion is a question of answers.jsonl.gz.
type goldenQuestion struct {
	Addr   string `json:"addr,omitempty"`
	Inside string `json:"inside,omitempty"`
	Peer   string `json:"peer,omitempty"`
	Proto  string `json:"proto,omitempty"`
	Since  string `json:"since,omitempty"`
	Until  string `json:"until,omitempty"`
	NetNS  string `json:"netns,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	Live   bool   `json:"live,omitempty"` // ask while the writer is running
}

// goldenLine is a line of answers.jsonl.gz. The translations of an answer are
// sorted as text; the verdict is last.
type goldenLine struct {
	Ask    goldenQuestion    `json:"ask"`
	Answer []json.RawMessage `json:"answer"`
}

const goldenFile = "testdata/answers.jsonl.gz"

// goldenBegin is when the first capture begins, in seconds since 1970.
const goldenBegin = 1764403200

// TestGolden compares 1,000 answers with those in testdata. They come from three
// captures of one gateway in one history: the first ends in good order, the second
// is killed. Each capture loses events once, one of them in one network namespace
// only. The flows have eight protocols, with and without ports, both families and
// every kind of NAT.
func TestGolden(t *testing.T) {
	dir, w := goldenHistory(t)
	lines := readGolden(t)
	var now bytes.Buffer
	failed := 0
	for _, live := range []bool{true, false} {
		if !live {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range lines {
			if lines[i].Ask.Live == live {
				got := askGolden(t, dir, lines[i].Ask)
				if want := joined(lines[i].Answer); got != want && !*golden.Update {
					if failed++; failed <= 3 {
						t.Errorf("%+v\ngot\n%swant\n%s", lines[i].Ask, got, want)
					}
				}
				lines[i].Answer = nil
				for line := range strings.Lines(got) {
					lines[i].Answer = append(lines[i].Answer, json.RawMessage(strings.TrimSuffix(line, "\n")))
				}
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d answers differ", failed, len(lines))
	}
	if *golden.Update {
		z := gzip.NewWriter(&now)
		enc := json.NewEncoder(z)
		enc.SetEscapeHTML(false)
		for i := range lines {
			if err := enc.Encode(&lines[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(z.Close(), os.WriteFile(goldenFile, now.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

func joined(lines []json.RawMessage) string {
	var b strings.Builder
	for _, line := range lines {
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String()
}

func readGolden(t *testing.T) (lines []goldenLine) {
	t.Helper()
	f, err := os.Open(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(z); ; {
		var line goldenLine
		if err := dec.Decode(&line); errors.Is(err, io.EOF) {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

// goldenHistory writes the three captures into a history and returns its running
// writer.
func goldenHistory(t *testing.T) (dir string, w *history.Writer) {
	t.Helper()
	if !history.Supported {
		t.Skip("no SQLite for this platform")
	}
	var clock atomic.Int64
	at := func(seconds int64) { clock.Store((goldenBegin + seconds) * 1e9) }
	capture := func(dir, file string) *history.Writer {
		names := new(monitor.Namespaces)
		w, err := history.NewWriter(history.Config{
			Dir: dir, Names: names, RowsPerFile: 60, Every: time.Hour,
			Clock: func() (monitor.Time, time.Duration) { return monitor.Time(clock.Load()), time.Duration(clock.Load()) },
		})
		if err != nil {
			t.Fatal(err)
		}
		rec := replay.File(export.Reading(replay.Config{Namespaces: names}), filepath.Join("testdata", file))
		src, err := rec.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		for b, err := range monitor.Batches(t.Context(), src) {
			if err != nil {
				t.Fatal(err)
			}
			clock.Store(int64(b.Events[len(b.Events)-1].Time))
			if err := errors.Join(w.Write(b), w.Sync()); err != nil {
				t.Fatal(err)
			}
		}
		return w
	}
	first := t.TempDir()
	at(0)
	w = capture(first, "capture1.jsonl.gz")
	at(600)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	at(660)
	w = capture(first, "capture2.jsonl.gz")
	// What a crash leaves is what is on disk now.
	dir = filepath.Join(t.TempDir(), "history")
	if err := errors.Join(os.CopyFS(dir, os.DirFS(first)), os.Chmod(dir, 0o700), w.Close()); err != nil {
		t.Fatal(err)
	}
	at(930)
	w = capture(dir, "capture3.jsonl.gz")
	at(1261)
	return dir, w
}

// askGolden returns the lines of an answer, the translations sorted.
func askGolden(t *testing.T, dir string, q goldenQuestion) string {
	t.Helper()
	o := options{
		addr: q.Addr, inside: q.Inside, peer: q.Peer, proto: q.Proto, netns: q.NetNS, limit: uint(q.Limit), dir: dir,
		times: times{since: q.Since, until: q.Until},
	}
	var out bytes.Buffer
	v, err := o.answer(t.Context(), func(string) printer { return &jsonPrinter{w: &out, lines: true} })
	if err != nil || len(v.Result.Faults) > 0 {
		t.Fatal(err, v)
	}
	lines := slices.Collect(strings.Lines(out.String()))
	slices.Sort(lines[:len(lines)-1])
	return strings.Join(lines, "")
}
