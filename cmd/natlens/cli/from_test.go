package cli

import (
	"bytes"
	"os"
	"testing"

	"natlens/monitor"
	"natlens/monitor/replay"
)

// "-" reads the recording from standard input.
func TestFromStandardInput(t *testing.T) {
	lines, err := os.ReadFile("../watch/testdata/life.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	from := FromFlags{Paths: []string{"-"}}
	rec, err := from.Recording(t.Context(), Console{Stdin: bytes.NewReader(lines)}, replay.Config{})
	if err != nil {
		t.Fatal(err)
	}
	src, err := rec.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var ids []uint32
	err = monitor.Each(t.Context(), src, func(e *monitor.Event) { ids = append(ids, e.Flow.ID) })
	if err != nil || len(ids) != 4 || ids[0] != 7 || ids[2] != 8 {
		t.Errorf("%v, %v", ids, err)
	}
}
