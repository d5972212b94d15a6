package export_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/replay"
)

func eventLine(seq int, second int) string {
	return fmt.Sprintf(`{"v":1,"ts":"2026-11-22T06:12:%02d.000000000Z","ts_source":"kernel","seq":%d,"event":"new"}`+"\n", second, seq)
}

func TestUnreadableLinesAreALoss(t *testing.T) {
	text := eventLine(1, 1) + "{\"v\":1,\n" + "oops\n" + eventLine(4, 4) + `{"v":1,"event":"born"}` + "\n" +
		`{"v":1,"event":"new","mark":-1}` + "\n\n" + `{"v":1,"seq":9,"ts":"2026-11-22T06:12:09.000`
	got, src := written(t, replay.Bytes(config, "some.jsonl", []byte(text)))
	want := eventLine(1, 1) +
		`{"v":1,"ts":"2026-11-22T06:12:04.000000000Z","seq":0,"event":"lost","count":2,"from":"2026-11-22T06:12:01.000000000Z","to":"2026-11-22T06:12:04.000000000Z","uncertain":true}` + "\n" +
		eventLine(4, 4) +
		`{"v":1,"ts":"2026-11-22T06:12:04.000000000Z","seq":0,"event":"lost","count":2,"from":"2026-11-22T06:12:04.000000000Z","uncertain":true}` + "\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	st := src.Stats()
	golden.Words(t, "first", st.First)
	golden.Words(t, "cut", st.Cut)
	if st.Events != 2 || st.Bad != 4 {
		t.Errorf("%+v", st)
	}
}

func TestLaterVersionIsRefused(t *testing.T) {
	_, err := again(replay.Bytes(config, "x.jsonl", []byte(eventLine(1, 1)+`{"v":2,"event":"new"}`+"\n")))
	golden.Words(t, "", err)
}

func TestNoRecording(t *testing.T) {
	for _, data := range []string{"hello\n", "\x28\xb5\x2f\xfdxxxx", "\x1f\x8bxx"} {
		if _, err := replay.Bytes(config, "x", []byte(data)).Open(); err == nil || !strings.HasPrefix(err.Error(), "recording x: ") {
			t.Errorf("%q: %v", data, err)
		}
	}
	if _, err := replay.File(config, filepath.Join(t.TempDir(), "none")).Open(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if got, _ := written(t, replay.Bytes(config, "x", nil)); len(got) != 0 {
		t.Errorf("nothing became %q", got)
	}
}

// TestLongLine passes over a line that no event has, in bounded memory.
func TestLongLine(t *testing.T) {
	long := `{"v":1,"event":"new","x":"` + strings.Repeat("x", 10<<20) + "\"}\n"
	got, src := written(t, replay.Bytes(config, "x", []byte(eventLine(1, 1)+long+eventLine(2, 2))))
	if n := bytes.Count(got, []byte("\n")); n != 3 || src.Stats().Bad != 1 {
		t.Errorf("%d lines, %+v", n, src.Stats())
	}
	if want := "x: line 2 at byte 89: longer than 1 MiB"; src.Stats().First.Error() != want {
		t.Errorf("got %v, want %s", src.Stats().First, want)
	}
}

// TestGzipCutAnywhere cuts a packed recording at every byte: what is left is read
// without an error, and is what the whole one begins with.
func TestGzipCutAnywhere(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	var text bytes.Buffer
	for i := range 50 {
		text.WriteString(eventLine(i+1, i))
		fmt.Fprint(z, eventLine(i+1, i))
		if i%10 == 0 {
			z.Flush()
		}
	}
	z.Close()
	whole, _ := written(t, replay.Bytes(config, "x.gz", packed.Bytes()))
	if !bytes.Equal(whole, text.Bytes()) {
		t.Fatalf("got\n%s\nwant\n%s", whole, text.Bytes())
	}
	for n := 20; n < packed.Len(); n++ {
		got, src := written(t, replay.Bytes(config, "x.gz", packed.Bytes()[:n]))
		if !bytes.HasPrefix(whole, got) || src.Stats().Cut == nil || src.Stats().Bad != 0 {
			t.Fatalf("cut at %d: %+v\n%s", n, src.Stats(), got)
		}
	}
}

// TestParts reads recordings that follow each other, of whatever kind.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, eventLine(2, 2))
	z.Close()
	var paths []string
	for i, data := range []string{eventLine(1, 1), "", packed.String(), eventLine(3, 3)} {
		paths = append(paths, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(paths[i], []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := written(t, replay.File(config, paths...))
	if want := eventLine(1, 1) + eventLine(2, 2) + eventLine(3, 3); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestCloseUnblocks ends a Next that waits for a pipe, by Close and by context.
func TestCloseUnblocks(t *testing.T) {
	for _, way := range []string{"close", "context"} {
		in, out := io.Pipe()
		go io.WriteString(out, eventLine(1, 1))
		src, err := replay.Stream(config, "pipe", in).Open()
		if err != nil {
			t.Fatal(err)
		}
		var b monitor.Batch
		if err := src.Next(context.Background(), &b); err != nil || len(b.Events) != 1 {
			t.Fatal(len(b.Events), err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() {
			b.Reset()
			ended <- src.Next(ctx, &b)
		}()
		if way == "close" {
			src.Close()
		} else {
			cancel()
		}
		if err := <-ended; err == nil || errors.Is(err, io.EOF) || way == "context" && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", way, err)
		}
		cancel()
		src.Close()
	}
}

// TestFindingLines expects lines of findings to be passed over without a word,
// also as the last one and without its end.
func TestFindingLines(t *testing.T) {
	const finding = `{"v":1,"seq":2,"event":"finding","finding":"appeared","rule":"idle","flows":3,"figures":{"flows":3},"examples":[{"flow":7}]}`
	got, src := written(t, replay.Bytes(config, "some.jsonl", []byte(finding+"\n"+eventLine(3, 3)+finding)))
	if st := src.Stats(); string(got) != eventLine(3, 3) || st.Bad != 0 || st.Cut != nil {
		t.Errorf("%+v\n%s", st, got)
	}
}
