package export_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/replay"
)

// nativeOrder is this machine's byte order, otherOrder the other one.
func nativeOrder() binary.AppendByteOrder {
	if export.BigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func otherOrder() binary.AppendByteOrder {
	if export.BigEndian {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// TestOtherByteOrder reads what a machine of the other byte order captured: the
// same events, with the bytes of their messages as this one would have them.
func TestOtherByteOrder(t *testing.T) {
	var msgs [][]byte
	for _, msg := range kernelMessages(t) {
		msgs = append(msgs, export.Reordered(msg, nativeOrder(), otherOrder()))
	}
	events := kernelEvents(t)
	for i := range events.Events {
		e := &events.Events[i]
		e.Seq = 0
		if e.TimeSource != monitor.TimeKernel {
			e.TimeSource = monitor.TimeReceived
		}
	}
	want := linesOf(t, events)
	got, src := written(t, replay.Bytes(config, "x", pcap(otherOrder(), true, 1, msgs...)))
	if st := src.Stats(); st.Bad != 0 || st.Events != uint64(len(msgs)) {
		t.Fatalf("%+v", st)
	}
	compareLines(t, numbered(t, want), numbered(t, got))
	s, err := replay.Bytes(config, "x", pcap(otherOrder(), true, 1, msgs[0])).Open()
	if err != nil {
		t.Fatal(err)
	}
	var b monitor.Batch
	if err := s.Next(t.Context(), &b); err != nil || !slices.Equal(b.Events[0].Raw, kernelMessages(t)[0]) {
		t.Errorf("%v, raw %x, want %x", err, b.Events[0].Raw, kernelMessages(t)[0])
	}
}

// numbered takes the numbers off JSON lines: captures of others have none.
func numbered(t *testing.T, lines []byte) (out []byte) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		at := bytes.Index(line, []byte(`,"seq":`))
		end := bytes.IndexByte(line[at+1:], ',') + at + 1
		out = append(append(out, line[:at]...), line[end:]...)
	}
	return out
}
