package export_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"

	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/replay"
)

// FuzzRecording reads anything as a recording. What could be read is written as
// JSON lines, which must be readable in turn, whole, and say the same.
func FuzzRecording(f *testing.F) {
	lines, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(lines) {
		f.Add(line)
	}
	f.Add([]byte("{\"v\":1}\n{\"v\":1,\"event\":\"new\",\"seq\":1,\"protonum\":6,\"state\":\"9\",\"x\":[{\"y\":\"\\ud83d\\ude00\\ud83d\"}]}"))
	events := kernelEvents(f)
	for i := 0; i < len(events.Events); i += 5 {
		some := &monitor.Batch{Events: events.Events[i:min(i+2, len(events.Events))]}
		f.Add(recorded(f, monitor.NewLocals(nil), some))
		f.Add(pcap(binary.NativeEndian, i%2 == 0, 1, some.Events[0].Raw))
	}
	f.Add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := again(replay.Bytes(config, "fuzz", data))
		if err != nil {
			return
		}
		if len(data) > 0 && data[0] != '{' {
			// What a capture contains beside the protocol's own words (a port of a
			// protocol that has none) no line repeats: the lines are what counts.
			if first, err = again(replay.Bytes(config, "lines", first)); err != nil {
				t.Fatal(err)
			}
		}
		second, err := again(replay.Bytes(config, "again", first))
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
	sink := jsonl.NewWriter(&out)
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
