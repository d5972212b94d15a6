package replay_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/replay"
)

// FuzzRecording reads anything as a recording. What could be read is written as
// JSON lines, which must be readable in turn, whole, and say the same.
func FuzzRecording(f *testing.F) {
	lines, err := os.ReadFile("../../export/testdata/events.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(lines) {
		f.Add(line)
	}
	f.Add([]byte("{\"v\":1}\n{\"v\":1,\"event\":\"new\",\"seq\":1,\"protonum\":6,\"state\":\"9\",\"x\":[{\"y\":\"\\ud83d\\ude00\\ud83d\"}]}"))
	f.Add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := again(replay.Bytes(replay.Config{}, "fuzz", data))
		if err != nil {
			return
		}
		second, err := again(replay.Bytes(replay.Config{}, "again", first))
		if err != nil {
			t.Fatalf("%v: %s", err, first)
		}
		if !bytes.Equal(first, second) {
			t.Fatalf("read and written again:\n%s\nwas\n%s", second, first)
		}
	})
}

// again writes what can be read of a recording, and returns what was wrong with it.
func again(rec *replay.Recording) ([]byte, error) {
	src, err := rec.Open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	var out bytes.Buffer
	sink := export.NewJSONL(&out)
	var b monitor.Batch
	for {
		b.Reset()
		err := src.Next(context.Background(), &b)
		if err == nil && len(b.Events) == 0 {
			return nil, errors.New("neither an event nor an error")
		}
		if werr := sink.Write(&b); werr != nil {
			return nil, werr
		}
		switch {
		case errors.Is(err, io.EOF):
			return out.Bytes(), nil
		case err != nil:
			return nil, err
		}
	}
}
